import Glibc
import Synchronization

/// The time as HTTP writes it (RFC 9110 section 5.6.7), made once a second.
final class HTTPDate: Sendable {
    static let shared = HTTPDate()

    private struct Cache {
        var second: time_t = -1
        var text = ""
    }

    private let cache = Mutex(Cache())

    var now: String {
        let second = time(nil)
        return cache.withLock { cache in
            if cache.second != second { cache = Cache(second: second, text: HTTPDate.text(second)) }
            return cache.text
        }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`. By hand, since strftime(3) writes the days in the process's language.
    static func text(_ second: time_t) -> String {
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var second = second
        var parts = tm()
        gmtime_r(&second, &parts)
        func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + "\(number)" }
        return "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(parts.tm_year + 1900) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
