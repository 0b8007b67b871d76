import ArgumentParser

/// A name that requests may be addressed to, as written on the command line, without a port.
struct AllowedHost: ExpressibleByArgument, Equatable {
    /// In lower case, without the dot that may end it.
    let name: String

    init?(argument text: String) {
        guard !text.contains(":"), case .name(let name) = Authority(text)?.host else { return nil }
        self.name = name
    }
}
