import CPalimpsest
import Foundation
import GuestToolchain
import TestSupport
import Testing

@testable import GuestABI
@testable import MicroVM
@testable import Palimpsest

@Suite("Fault reports")
struct FaultReportTests {
    private func make(_ guest: [UInt8] = Guests.faulty) throws -> Sandbox { try Sandbox(guest: .bytes(guest)) }

    /// Functions, files and lines of a backtrace's first frames.
    private func expectFrames(
        _ fault: GuestFault, _ expected: [(String, String, Int?)], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let found = fault.backtrace.map { ($0.function, $0.file?.split(separator: "/").last.map(String.init), $0.line) }
        #expect(found.count >= expected.count, "\(fault.report)", sourceLocation: sourceLocation)
        for (frame, (function, file, line)) in zip(found, expected) {
            #expect(frame.0 == function, "\(fault.report)", sourceLocation: sourceLocation)
            guard let line else { continue }
            #expect(frame.1 == file && frame.2 == line, "\(fault.report)", sourceLocation: sourceLocation)
        }
    }

    private func line(_ marker: String) throws -> Int { try GuestSourceFile.line(marker, in: "faulty/faulty.c") }

    @Test("a write to read-only data says so, with name, line, callers, region and variable")
    func readOnlyData() throws {
        let sandbox = try make()
        let address: UInt64 = try sandbox.call("tableAddress")
        let fault = try #require(caughtFault(of: { _ = try sandbox.call("handle", address) as UInt64 }))
        expectFrames(
            fault,
            [
                ("store", "faulty.c", try line("store")), ("parse_header", "faulty.c", try line("parse_header")),
                ("handle", "faulty.c", try line("handle")),
            ])
        #expect(fault.backtrace.count == 3, "the trusted entry code is none of the guest's: \(fault.report)")
        #expect(fault.region == "rodata" && fault.addressRegion?.addresses.contains(address) == true)
        #expect(fault.addressSymbol == "fixed_table+0x8")
        #expect(
            fault.cause == "write to read-only data at \(hex(address)) (`fixed_table+0x8`)" && fault.vector == 14)
        #expect(fault.description.hasPrefix("\(fault.cause) in `store`"))
        #expect(try fault.description.contains("(faulty.c:\(line("store"))), called from `parse_header`+0x"))
        #expect(!fault.description.contains("\n"))
    }

    @Test("the report has cause, backtrace, region with bounds, and all registers")
    func report() throws {
        let sandbox = try make()
        let code: UInt64 = 0x20_0000
        let fault = try #require(caughtFault(of: { _ = try sandbox.call("handle", code) as UInt64 }))
        let lines = fault.report.split(separator: "\n").map(String.init)
        #expect(lines.first?.hasPrefix("write to read-only code at 0x200000") == true)
        #expect(lines.contains { $0.hasPrefix("  #0  0x0000000000") && $0.contains("  store") })
        #expect(lines.contains { $0.contains("#2  ") && $0.hasSuffix("faulty.c:\(try! line("handle"))") })
        #expect(lines.contains { $0.hasPrefix("  0x200000: 0x200000-0x") && $0.contains(" READ | EXECUTE code") })
        for (name, value) in fault.registers.all {
            let digits = String(value, radix: 16)
            let text = "0x" + String(repeating: "0", count: 16 - digits.count) + digits
            #expect(lines.contains { $0.contains(name) && $0.contains(text) }, "\(name)")
        }
    }

    @Test("the cause says what was wrong with the access")
    func causes() throws {
        func cause(_ address: UInt64) throws -> String {
            let sandbox = try make()
            return try #require(caughtFault(of: { _ = try sandbox.call("handle", address) as UInt64 })).cause
        }
        #expect(try cause(0) == "write to unmapped memory at 0x0 (null pointer)")
        #expect(try cause(0xffff_8000_0000_1000) == "write to unmapped memory at 0xffff800000001000")
        #expect(try cause(UInt64(PAL_STACK_TOP)) == "write to a guard page at \(hex(UInt64(PAL_STACK_TOP)))")
        #expect(try cause(UInt64(PAL_ENTRY_ADDRESS)).hasPrefix("write to read-only entry code at 0x40000000"))
        #expect(try cause(UInt64(PAL_CONSTANTS_ADDRESS)) == "write to read-only constants page at 0x40001000")
        let hostile = try makeHostile()
        let heap = UInt64(PAL_HEAP_ADDRESS)
        #expect(
            caughtFault(of: { try hostile.call("callAt", heap) })?.cause
                == "execution of non-executable heap at \(hex(heap))")
    }

    @Test("a call to nowhere has its caller in the backtrace")
    func callNull() throws {
        let sandbox = try make()
        let fault = try #require(caughtFault(of: { try sandbox.call("callNull") }))
        #expect(fault.backtrace.first?.address == 0 && fault.symbol == nil)
        #expect(fault.backtrace.dropFirst().first?.function == "callNull")
        #expect(try fault.backtrace.dropFirst().first?.line == line("callNull"))
        #expect(fault.backtrace.count == 2)
        #expect(
            fault.description.hasPrefix(
                "execution of unmapped memory at 0x0 (null pointer) in 0x0, called from `callNull`"))
    }

    @Test(
        "a function that has not made its frame yet has its caller in the backtrace",
        arguments: ["stepInto", "stepHalf"])
    func halfMadeFrames(name: String) throws {
        let sandbox = try make()
        let fault = try #require(caughtFault(of: { try sandbox.call(name) }))
        #expect(fault.vector == 1)
        expectFrames(
            fault, [(name == "stepInto" ? "stepped" : "half_made", "", nil), (name, "faulty.c", try line(name))])
        #expect(fault.backtrace.count == 2, "\(fault.report)")
        #expect(fault.backtrace.first?.offset == (name == "stepInto" ? 0 : 3))
    }

    @Test("behind a label of no size a fault is in the function around it; in a function of no size, in that function")
    func labels() throws {
        let sandbox = try make()
        let inside = try #require(caughtFault(of: { try sandbox.call("labelInside") }))
        #expect(inside.backtrace.count == 1 && inside.backtrace.first?.symbol == "labelInside", "\(inside.report)")
        #expect(inside.backtrace.first?.offset ?? 0 > 2)
        for (isTyped, name, offset) in [(true, "unsized", 2), (false, "untyped", 1)] as [(Bool, String, UInt64)] {
            let sandbox = try make()
            let fault = try #require(caughtFault(of: { try sandbox.call("callUnsized", isTyped) }))
            #expect(fault.backtrace.first?.symbol == name && fault.backtrace.first?.offset == offset, "\(fault.report)")
        }
    }

    @Test("what a label names ends with its section: no address elsewhere has a name by it")
    func labelEnds() throws {
        let image = try ELFImage(Guests.faulty)
        let table = SymbolTable(image)
        let code = try #require(image.segments.first { $0.access.contains(.execute) })
        let data = try #require(image.segments.last)
        for address in [0, 0x1000, code.address.rawValue - 1, data.addresses.upperBound.rawValue, 0x5000_0000, .max] {
            #expect(table.name(at: address) == nil)
        }
    }

    @Test("an abort says who gave up; its message is one line")
    func abort() throws {
        let sandbox = try make()
        let fault = try #require(caughtFault(of: { try sandbox.call("giveUp") }))
        let index = try #require(fault.backtrace.firstIndex { $0.function == "give_up" })
        #expect(try fault.backtrace[index].line == line("give_up"))
        #expect(fault.backtrace[index + 1].function == "giveUp")
        #expect(try fault.backtrace[index + 1].line == line("giveUp"))
        #expect(fault.cause == "abort: enough\\u{a}\\u{1b}[31m")
        #expect(!fault.description.contains("\n") && !fault.report.contains("\u{1b}"))
    }

    @Test("a stack overflow has the innermost 64 calls")
    func overflow() throws {
        let sandbox = try make()
        let fault = try #require(caughtFault(of: { _ = try sandbox.call("overflow") as UInt64 }))
        #expect(fault.kind == .stackOverflow && fault.region == "guard")
        #expect(fault.backtrace.count == Backtrace.maximumFrameCount)
        #expect(fault.backtrace.allSatisfy { $0.function == "recurse" })
        #expect(try fault.backtrace.last?.line == line("recurse"))
        #expect(fault.cause.hasPrefix("stack overflow at 0x"))
        #expect(fault.report.contains("\n  ...\n"))
    }

    @Test("Swift functions have their names, and overflow traps the lines whose checks they are")
    func swiftGuest() throws {
        func line(_ marker: String) throws -> Int { try GuestSourceFile.line(marker, in: "faulty-swift/main.swift") }
        let sandbox = try make(Guests.faultySwift)
        let parsed = try #require(
            caughtFault(of: { _ = try sandbox.call("parse", [1, 2, 3] as [UInt8], 3) as Int }))
        #expect(parsed.vector == 6 && parsed.cause.hasPrefix("trap (ud2"))
        let frames = parsed.backtrace
        let element = try #require(frames.firstIndex { $0.function == "Guest.Parser.element" }, "\(parsed.report)")
        #expect(frames[element + 1].function == "Guest.Parser.header")
        #expect(try frames[element + 1].line == line("header"))
        #expect(frames[(element + 2)...].contains { $0.line == (try? line("parse")) }, "\(parsed.report)")
        #expect(frames.contains { $0.symbol?.hasPrefix("$e5Guest6ParserV7element") == true })

        let other = try make(Guests.faultySwift)
        let summed = try #require(caughtFault(of: { _ = try other.call("sum", Int64.max, 1 as Int64) as Int64 }))
        #expect(summed.backtrace.first?.function == "Guest.total")
        #expect(try summed.backtrace.first?.line == line("total"))
        #expect(summed.backtrace.contains { $0.line == (try? line("sum")) })
    }

    @Test("chains of frames that lie make for a short backtrace: never out of the stack, never in a circle")
    func lyingFrames() throws {
        let stack: UInt64 = try make().call("stackAddress")
        let low = stack - 0x8000
        let places: [(UInt64, UInt64, UInt64)] = [
            (0, 0, 0), (.max, 0, 0), (.max - 7, 0, 0), (0x8000_0000_0000_0000, 0, 0), (low + 1, 0, 0),
            (UInt64(PAL_STACK_TOP) - 8, 0, 0), (UInt64(PAL_STACK_TOP), 0, 0), (UInt64(PAL_HEAP_ADDRESS), 0, 0),
            (low, low, 0x20_0010), (low, low - 16, 0x20_0010), (low, .max, 0x20_0010), (low, low + 16, .max),
            (low, low + 16, UInt64(PAL_HEAP_ADDRESS)), (low, low + 16, 0), (low, low + 16, 0x20_0000),
        ]
        for (frame, next, caller) in places {
            let sandbox = try make()
            let fault = try #require(caughtFault(of: { try sandbox.call("lie", frame, next, caller) }))
            #expect(fault.backtrace.count <= 2 && fault.backtrace.first?.function == "lie", "\(fault.report)")
        }
        for (count, isRing) in [(3, true), (1, true), (40, false), (2000, false)] as [(UInt64, Bool)] {
            let sandbox = try make()
            let fault = try #require(caughtFault(of: { try sandbox.call("chain", count, isRing) }))
            let expected = min(Int(count) + 1, Backtrace.maximumFrameCount)
            #expect(fault.backtrace.count == expected, "\(count), \(isRing)")
        }
    }

    @Test("a guest without debug information has names, one without symbols addresses, one from a store names")
    func lessInformation() throws {
        let directory = TemporaryStore()
        let folder = GuestSourceFile.url("faulty/faulty.c").path
        let output = directory.path + ".elf"
        defer { unlink(output) }
        var options = GuestCompiler.Options()
        options.debugInformation = false
        try GuestCompiler().build(sources: [folder], output: output, options: options)
        let plain = try Sandbox(guest: .file(output))
        let fault = try #require(caughtFault(of: { _ = try plain.call("handle", 0 as UInt64) as UInt64 }))
        #expect(fault.backtrace.map(\.function) == ["store", "parse_header", "handle"])
        #expect(fault.backtrace.allSatisfy { $0.file == nil && $0.line == nil })

        var stripped = Guests.faulty
        stripped.replaceSubrange(60..<62, with: [0, 0])  // e_shnum
        let bare = try make(stripped)
        let bareFault = try #require(caughtFault(of: { _ = try bare.call("handle", 0 as UInt64) as UInt64 }))
        #expect(bareFault.backtrace.count == 3 && bareFault.backtrace.allSatisfy { $0.symbol == nil && $0.line == nil })
        #expect(bareFault.description.contains(" in 0x2"))

        let sandbox = try make()
        try sandbox.snapshot().save(to: directory.path, tag: "faulty")
        let loaded = try Sandbox(from: Snapshot(loading: directory.path, reference: "faulty"))
        let loadedFault = try #require(caughtFault(of: { _ = try loaded.call("handle", 0 as UInt64) as UInt64 }))
        #expect(loadedFault.backtrace.map(\.function) == ["store", "parse_header", "handle"])
        #expect(loadedFault.backtrace.allSatisfy { $0.line == nil })
    }

    @Test(
        "a symbol that covers everything names a jump to wherever, and the report ends nobody's process",
        arguments: [0xffff_ffff_8000_0000, 0xffff_8000_0000_0000, .max, .max - 1, 0x7fff_ffff_ffff, 0] as [UInt64])
    func symbolOfEverything(target: UInt64) throws {
        var forge = SymbolForge(Guests.hostile)
        let last = try #require(forge.last)
        forge.move(last, to: last.address, byteCount: .max)
        let sandbox = try Sandbox(guest: .bytes(forge.bytes), hostFunctions: makeHostFunctions())
        let store = TemporaryStore()
        try sandbox.snapshot().save(to: store.path, tag: "forged")
        let loaded = try Sandbox(
            from: Snapshot(loading: store.path, reference: "forged"), hostFunctions: makeHostFunctions())
        for sandbox in [sandbox, loaded] {
            let fault = try #require(caughtFault(of: { try sandbox.call("callAt", target) }))
            let first = try #require(fault.backtrace.first)
            #expect(first.address == target, "\(fault.report)")
            #expect(first.symbol == (target > last.address ? last.name : nil))
            #expect(first.offset == (target > last.address ? target - last.address : nil))
        }
    }

    @Test("symbols at the very ends of the address space name what is there")
    func symbolsAtTheEnds() throws {
        var forge = SymbolForge(Guests.hostile)
        let (top, bottom) = (try #require(forge.symbols.first), try #require(forge.symbols.dropFirst().first))
        forge.move(top, to: .max, byteCount: .max)
        forge.move(bottom, to: 0, byteCount: .max)
        for (target, name, offset) in [(0, bottom.name, 0), (.max, top.name, 0), (1, bottom.name, 1)]
            as [(UInt64, String, UInt64)]
        {
            let sandbox = try Sandbox(guest: .bytes(forge.bytes), hostFunctions: makeHostFunctions())
            let fault = try #require(caughtFault(of: { try sandbox.call("callAt", target) }))
            #expect(fault.backtrace.first?.address == target && fault.backtrace.first?.symbol == name)
            #expect(fault.backtrace.first?.offset == offset)
        }
    }

    @Test(
        "names of Swift symbols",
        arguments: [
            ("$e5Guest5totalys5Int64VAD_ADtF", "Guest.total"),
            ("$e5Guest6ParserV7elementys5UInt8VSiF", "Guest.Parser.element"),
            ("$s5Guest3foo3barS2i_tF", "Guest.foo"),
            ("$es11_StringGutsV4growyySiF", "Swift._StringGuts.grow"),
            ("$e5Guest4Line33_408A76AB043BD3EFBAB6FAAAAA9B4914LLV4textSSvg", "Guest.Line.text"),
            ("$e5Guest5totalyyFyycfU_", "closure in Guest.total"),
            ("main", nil), ("", nil), ("$e", nil), ("$e5Guest", nil), ("$e99999999999999999999Guest3foo", nil),
            ("$e5Guest6ParserV0B4Name", nil), ("$e99Guest", nil), ("$eSS", nil), ("$e3\u{e9}", nil),
        ] as [(String, String?)])
    func swiftNames(symbol: String, name: String?) { #expect(SwiftName.readable(symbol) == name) }
}
