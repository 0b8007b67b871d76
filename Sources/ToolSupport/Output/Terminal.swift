import Glibc
import Palimpsest

/// What standard output can show.
package enum Terminal {
    /// Colours only for people: a terminal that is not dumb, and `NO_COLOR` (https://no-color.org) unset.
    package static let hasColours = hasColours(STDOUT_FILENO)

    /// The same for standard error.
    private static let errorsHaveColours = hasColours(STDERR_FILENO)

    private static func hasColours(_ descriptor: Int32) -> Bool {
        guard isatty(descriptor) == 1, environment("NO_COLOR") == nil else { return false }
        return environment("TERM") != "dumb"
    }

    package static let isInteractive = isatty(STDOUT_FILENO) == 1

    package enum Style: String {
        case plain = ""
        case bold = "1"
        case green = "32"
        case yellow = "33"
        case red = "31"

        package func apply(to text: String) -> String { apply(to: text, if: Terminal.hasColours) }

        /// For text on standard error.
        package func applyOnErrors(to text: String) -> String { apply(to: text, if: Terminal.errorsHaveColours) }

        private func apply(to text: String, if hasColours: Bool) -> String {
            self == .plain || !hasColours ? text : "\u{1b}[\(rawValue)m\(text)\u{1b}[0m"
        }
    }

    /// `text` with control and formatting characters written out, so that what a guest says can neither move the
    /// cursor nor pose as the tool's own output.
    package static func escaped(_ text: String) -> String { GuestText.escaped(text) }

    /// An environment variable's value; nil if it is unset or empty.
    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
