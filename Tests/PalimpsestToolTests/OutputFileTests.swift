import Foundation
import Testing

/// Files that are written appear by rename, which takes the place of anything: of a device, of a FIFO, of the source.
@Suite("Output files that are something else")
struct OutputFileTests {
    private let scratch: Scratch
    private let guest: String

    init() throws {
        scratch = try Scratch()
        guest = scratch.url.appendingPathComponent("guest.elf").path
        try FileManager.default.copyItem(atPath: try TestGuest.shared.get().path, toPath: guest)
        _ = try scratch.file("source.c", OutputFileTests.source)
    }

    private static let source = """
        #include "palimpsest.h"
        PALIMPSEST_EXPORT(void, nothing);
        void nothing(void) {}

        """

    private func path(_ name: String) -> String { scratch.url.appendingPathComponent(name).path }
    private func run(_ arguments: String...) throws -> Tool.Outcome { try Tool.run(arguments, in: scratch.url) }

    /// Whatever has the name, itself and not what a link leads to.
    private func status(_ name: String) throws -> stat {
        var status = stat()
        try #require(lstat(path(name), &status) == 0)
        return status
    }

    private func expectSame(_ name: String, _ before: stat) throws {
        let after = try status(name)
        #expect(after.st_mode == before.st_mode && after.st_ino == before.st_ino && after.st_rdev == before.st_rdev)
    }

    private var names: Set<String> {
        get throws { Set(try FileManager.default.contentsOfDirectory(atPath: scratch.url.path)) }
    }

    /// Makes something of each kind that is no regular file, and links to them.
    private func makeOthers() throws -> [String] {
        var others = ["fifo", "folder", "socket", "link-to-fifo", "link-to-device"]
        try #require(mkfifo(path("fifo"), 0o600) == 0)
        try FileManager.default.createDirectory(atPath: path("folder"), withIntermediateDirectories: false)
        try #require(symlink("fifo", path("link-to-fifo")) == 0)
        try #require(symlink("/dev/null", path("link-to-device")) == 0)
        try #require(bindSocket(path("socket")))
        // Making a device takes a privilege.
        if mknod(path("device"), S_IFCHR | 0o600, 1 << 8 | 3) == 0 { others.append("device") }
        return others
    }

    private func bindSocket(_ path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    @Test("a device, a FIFO, a socket and a folder are no place for a guest or a core, and stay what they are")
    func others() throws {
        for name in try makeOthers() {
            let before = try status(name)
            let all = try names
            let build = try run("build", "source.c", "-o", name, "--json")
            #expect(build.status == 66, "\(name): \(build.output)")
            #expect(try build.errorKind() == "outputNotAFile")
            let call = try run("call", guest, "crash", "--core", "./\(name)", "--json")
            #expect(call.status == 66, "\(name): \(call.output)")
            #expect(try call.errorKind() == "outputNotAFile")
            try expectSame(name, before)
            #expect(try names == all, "nothing is left behind")
        }
    }

    @Test("a link to a file stays one: the guest is written to where it leads")
    func linkToFile() throws {
        _ = try scratch.file("target.elf")
        try #require(symlink("target.elf", path("link")) == 0)
        let before = try status("link")
        #expect(try run("build", "source.c", "-o", "link").status == 0)
        try expectSame("link", before)
        #expect(try run("call", "target.elf", "nothing").status == 0)
    }

    @Test(
        "an output that is an input is refused, whatever it is called",
        arguments: ["IN", "./IN", "../FOLDER/IN", "link-to-IN", "hard-link-to-IN", "folder-link/IN"])
    func inputs(form: String) throws {
        try #require(symlink(".", path("folder-link")) == 0)
        for name in ["source.c", "guest.elf"] {
            try #require(symlink(name, path("link-to-\(name)")) == 0)
            try #require(link(path(name), path("hard-link-to-\(name)")) == 0)
        }
        func output(_ name: String) -> String {
            form.replacing("IN", with: name).replacing("FOLDER", with: scratch.url.lastPathComponent)
        }
        let before = try Data(contentsOf: URL(fileURLWithPath: path("source.c")))
        let guestBefore = try Data(contentsOf: URL(fileURLWithPath: guest))
        let outcomes = [
            try run("build", "source.c", "-o", output("source.c"), "--json"),
            try run("call", guest, "crash", "--core", output("guest.elf"), "--json"),
            try run("call", "guest.elf", "same", "@source.c", "--core", output("source.c"), "--json"),
            try run("trace", guest, "subtract", "5", "3", "--perfetto", output("guest.elf"), "--json"),
            try run("trace", guest, "same", "@source.c", "--perfetto", output("source.c"), "--json"),
        ]
        for outcome in outcomes {
            #expect(outcome.status == 64, "\(outcome.output)\(outcome.errors)")
            #expect(try outcome.errorKind() == "outputIsInput")
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path("source.c"))) == before)
        #expect(try Data(contentsOf: URL(fileURLWithPath: guest)) == guestBefore)
    }

    @Test(
        "a file that a source includes or embeds is no place for the guest",
        arguments: ["part.h", "a #b $c.h", "folder/deep.h", "link-to-deep.h", "data.bin"])
    func included(name: String) throws {
        try FileManager.default.createDirectory(atPath: path("folder"), withIntermediateDirectories: false)
        for header in ["part.h", "a #b $c.h", "folder/deep.h"] { _ = try scratch.file(header, "#define PART 1\n") }
        try #require(symlink("folder/deep.h", path("link-to-deep.h")) == 0)
        _ = try scratch.file("data.bin", "1")
        _ = try scratch.file("middle.h", "#include \"part.h\"\n#include \"folder/deep.h\"\n")
        _ = try scratch.file(
            "including.c",
            """
            #include "middle.h"
            #include "a #b $c.h"
            static const unsigned char data[] = {
            #embed "data.bin"
            };

            """ + OutputFileTests.source)
        let before = try Data(contentsOf: URL(fileURLWithPath: path(name)))
        let all = try names
        let outcome = try run("build", "including.c", "-o", "./\(name)", "--json")
        #expect(outcome.status == 64, "\(outcome.output)\(outcome.errors)")
        #expect(try outcome.errorKind() == "outputIsInput")
        #expect(try Data(contentsOf: URL(fileURLWithPath: path(name))) == before)
        #expect(try names == all, "nothing is left behind")
    }

    @Test("a link that leads nowhere stays one; a core, which holds secrets, takes the place of no link at all")
    func links() throws {
        _ = try scratch.file("file", "text")
        for (link, target) in [("to-nothing", "nothing"), ("to-itself", "to-itself"), ("to-file", "file")] {
            try #require(symlink(target, path(link)) == 0)
            let before = try status(link)
            let isForGuests = link == "to-file"
            let outcomes =
                [try run("call", guest, "crash", "--core", link, "--json")]
                + (isForGuests ? [] : [try run("build", "source.c", "-o", link, "--json")])
            for outcome in outcomes {
                #expect(outcome.status == 66, "\(link): \(outcome.output)\(outcome.errors)")
                #expect(try outcome.errorKind() == "outputNotAFile")
            }
            try expectSame(link, before)
        }
        #expect(try String(contentsOfFile: path("file"), encoding: .utf8) == "text")
        #expect(try !names.contains("nothing"))
    }

    @Test("a store's own files are no place for the core or the trace of a snapshot's call")
    func storeFiles() throws {
        try #require(try run("snapshot", "save", guest, "store:a").status == 0)
        let blob = try #require(
            try FileManager.default.contentsOfDirectory(atPath: path("store/blobs/sha256")).first)
        for file in ["index.json", "oci-layout", "blobs/sha256/\(blob)"] {
            let core = try run("call", "store:a", "crash", "--core", "store/\(file)", "--json")
            let trace = try run("trace", "store:a", "subtract", "5", "3", "--perfetto", "store/\(file)", "--json")
            for outcome in [core, trace] {
                #expect(outcome.status == 64)
                #expect(try outcome.errorKind() == "outputIsInput")
            }
        }
        #expect(try run("snapshot", "verify", "store").status == 0)
    }

    @Test("a trace is written to a device or a FIFO, and not put in its place")
    func trace() throws {
        try #require(mkfifo(path("fifo"), 0o600) == 0)
        let before = try status("fifo")
        // Both ends: nobody waits for anybody, and the trace is small enough for the pipe.
        let descriptor = open(path("fifo"), O_RDWR)
        defer { close(descriptor) }
        let setPipeSize: CInt = 1031  // F_SETPIPE_SZ
        _ = fcntl(descriptor, setPipeSize, 1 << 20)
        #expect(try run("trace", guest, "subtract", "5", "3", "--perfetto", "fifo").status == 0)
        try expectSame("fifo", before)
        var start = [UInt8](repeating: 0, count: 1)
        #expect(read(descriptor, &start, 1) == 1 && start == [UInt8(ascii: "{")])
        #expect(try run("trace", guest, "subtract", "5", "3", "--perfetto", "/dev/null").status == 0)
        let full = try run("trace", guest, "subtract", "5", "3", "--perfetto", "/dev/full", "--json")
        #expect(full.status == 66)
        #expect(try full.errorKind() == "fileUnwritable")
    }

    @Test("a store is not made of a folder whose index.json or blob is a device or a FIFO")
    func store() throws {
        try FileManager.default.createDirectory(atPath: path("store"), withIntermediateDirectories: false)
        try #require(mkfifo(path("store/index.json"), 0o600) == 0)
        let before = try status("store/index.json")
        #expect(try run("snapshot", "save", guest, "store:a").status == 66)
        try expectSame("store/index.json", before)
        for kind in ["fifo", "guest.elf"] {
            if kind == "fifo" { try #require(mkfifo(path("fifo"), 0o600) == 0) }
            #expect(try run("snapshot", "save", guest, "\(kind):a").status == 66)
        }
    }

    @Test("names that differ in bytes are two functions on the command line")
    func functionNames() throws {
        let source = try scratch.file(
            "names.c",
            """
            #include "palimpsest.h"
            static pal_int64 one(void) { return 1; }
            static pal_int64 two(void) { return 2; }
            #define R(n, f) pal_register_export(PAL_STRING(n), PAL_STRING("l"), (pal_uint64)f, 0)
            __attribute__((constructor)) static void reg(void) { R("\\xc3\\xa9", one); R("e\\xcc\\x81", two); }

            """)
        try #require(try run("build", source.path, "-o", "names.elf").status == 0)
        for (name, result) in [("\u{e9}", "1\n"), ("e\u{301}", "2\n")] {
            #expect(try run("call", "names.elf", name).output == result)
            #expect(try run("trace", "names.elf", name, "--json").json()["result"] as? Int == Int(result.dropLast()))
            let save = try run("snapshot", "save", "names.elf", "store:a", "--call", name)
            #expect(save.status == 0, "\(save.errors)")
        }
        #expect(try run("call", "names.elf", "e\u{300}").status == 64)
    }
}
