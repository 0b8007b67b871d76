import ArgumentParser
import Palimpsest

/// A guest and the name its functions are called under: `NAME=GUEST`.
struct NamedGuest: ExpressibleByArgument, Equatable {
    static let nameLimit = 128

    let name: String
    let guest: String

    init(name: String, guest: String) {
        self.name = name
        self.guest = guest
    }

    /// Names are what can stand in a path as it is.
    init?(argument text: String) {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        name = String(text[..<equals])
        guest = String(text[equals...].dropFirst())
        let isName = name.utf8.allSatisfy { byte in
            let scalar = Character(Unicode.Scalar(byte))
            return byte < 0x80 && (scalar.isLetter || scalar.isNumber || "._-".contains(scalar))
        }
        guard isName, !name.isEmpty, name.utf8.count <= NamedGuest.nameLimit, !guest.isEmpty else { return nil }
    }
}
