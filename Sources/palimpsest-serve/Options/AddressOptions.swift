import ArgumentParser
import HummingbirdCore

/// Where to listen.
struct AddressOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The address to listen on.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(help: ArgumentHelp("The port; 0 for any that is free.", valueName: "port"))
    var port = 8080

    @Option(
        help: ArgumentHelp("Listen on a Unix socket instead. A file that is there is replaced.", valueName: "path"),
        completion: .file())
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "A name that requests may be addressed to, besides localhost and this machine's own; may be repeated. On "
                + "addresses other machines reach, all are answered unless this is given.", valueName: "name"))
    var allowHost: [AllowedHost] = []

    /// sockaddr_un(7), less the NUL.
    private static let socketPathLimit = 107

    func validate() throws {
        guard (0...65_535).contains(port) else {
            throw ValidationError("--port: expected 0 to 65535, found \(port).")
        }
        if let socket, socket.isEmpty || socket.utf8.count > AddressOptions.socketPathLimit {
            throw ValidationError(
                "--socket: expected a path of 1 to \(AddressOptions.socketPathLimit) bytes, found \(socket.utf8.count)."
            )
        }
    }

    var address: BindAddress {
        socket.map { .unixDomainSocket(path: $0) } ?? .hostname(host, port: port)
    }
}
