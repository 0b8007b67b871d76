/// What a compiler or the linker has not found because guests do not have it: the C library, mostly.
struct MissingParts {
    private let functions: [String]
    private let headers: [String]
    private let modules: [String]

    init(_ diagnostics: String) {
        var functions: [String] = []
        var headers: [String] = []
        var modules: [String] = []
        // The host's own headers are found, but not those that they include: the first of a chain is what was wanted.
        var hostHeader: String?
        for line in diagnostics.split(separator: "\n") {
            if let name = line.text(behind: "error: undefined symbol: ") {
                // A thread-local variable has a name of the compiler's making.
                functions.append(name.text(behind: "__emutls_v.") ?? name)
            } else if line.hasPrefix("In file included from ") {
                hostHeader = hostHeader ?? line.text(behind: " /usr/include/", upTo: ":")
            } else if let name = line.text(behind: "fatal error: '", upTo: "'") {
                headers.append(hostHeader ?? line.text(behind: "/usr/include/", upTo: ":") ?? name)
                hostHeader = nil
            } else if let name = line.text(behind: "error: no such module '", upTo: "'")
                ?? line.text(behind: "error: could not find module '", upTo: "'")
            {
                modules.append(name)
            }
        }
        self.functions = MissingParts.once(functions)
        self.headers = MissingParts.once(headers.filter(MissingParts.isOfCLibrary))
        self.modules = MissingParts.once(modules)
    }

    private static func once(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    /// One sentence of what is missing and two of what to do; nil if nothing is.
    var description: String? {
        if !headers.isEmpty {
            return "the guest includes \(MissingParts.list(headers.map { "<\($0)>" })). \(MissingParts.noCLibrary)"
        }
        if !functions.isEmpty {
            return "the guest uses \(MissingParts.list(functions)), which neither its sources nor the SDK define. "
                + MissingParts.noCLibrary
        }
        if !modules.isEmpty {
            return "the guest imports \(MissingParts.list(modules)). Guests are Embedded Swift without an operating "
                + "system: there is the standard library, and no Foundation or Glibc. Their host can do what needs one, "
                + "in a host function (docs/guests.md)"
        }
        return nil
    }

    private static let noCLibrary =
        "Guests have no C library: what there is of it, the SDK declares in palimpsest.h (docs/guests.md, \"Runtime\"). "
        + "Add the source of what else is needed to the guest's, or have the host do it in a host function"

    /// The first few of them.
    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(8)
        let more = names.count - shown.count
        if more > 0 { return shown.joined(separator: ", ") + " and \(more) more" }
        return shown.count < 2
            ? shown.joined() : shown.dropLast().joined(separator: ", ") + " and " + (shown.last ?? "")
    }

    /// Headers of the C standard and of POSIX that freestanding compilers do not have.
    private static func isOfCLibrary(_ header: String) -> Bool {
        let folders = ["sys/", "netinet/", "arpa/", "net/", "linux/", "asm/", "bits/"]
        return folders.contains { header.hasPrefix($0) } || cLibraryHeaders.contains(header)
    }

    private static let cLibraryHeaders: Set<String> = [
        "aio.h", "alloca.h", "assert.h", "complex.h", "cpio.h", "ctype.h", "dirent.h", "dlfcn.h", "endian.h", "err.h",
        "errno.h", "execinfo.h", "fcntl.h", "features.h", "fenv.h", "fmtmsg.h", "fnmatch.h", "ftw.h", "getopt.h",
        "glob.h", "grp.h", "iconv.h", "inttypes.h", "langinfo.h", "libgen.h", "libintl.h", "locale.h", "malloc.h",
        "math.h", "memory.h", "monetary.h", "mqueue.h", "netdb.h", "nl_types.h", "poll.h", "pthread.h", "pwd.h",
        "regex.h", "sched.h", "search.h", "semaphore.h", "setjmp.h", "signal.h", "spawn.h", "stdbit.h", "stdio.h",
        "stdlib.h", "string.h", "strings.h", "syslog.h", "tar.h", "termios.h", "tgmath.h", "threads.h", "time.h",
        "uchar.h", "ulimit.h", "unistd.h", "utime.h", "utmpx.h", "wchar.h", "wctype.h", "wordexp.h",
    ]
}

extension StringProtocol where SubSequence == Substring {
    /// What is behind `start` in it, up to `end` or as a whole; nil if `start` is not.
    fileprivate func text(behind start: String, upTo end: Character? = nil) -> String? {
        guard let range = firstRange(of: start) else { return nil }
        return String(self[range.upperBound...].prefix { $0 != end })
    }
}
