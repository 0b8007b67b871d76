import Palimpsest
import Testing

@testable import PalimpsestServe

@Suite("The list of what can be called")
struct FunctionCatalogTests {
    @Test("functions and snapshots are looked up by the bytes of their names")
    func bytes() throws {
        let signature = try #require(GuestSignature.integer)
        let functions = ["\u{e9}", "e\u{301}"].map { ServedFunction(name: $0, signature: signature) }
        let catalog = FunctionCatalog([ByteName("K"): functions])
        for function in functions {
            #expect(try catalog.function(function.name, of: "K").name.hasBytes(of: function.name))
        }
        #expect(throws: Problem.self) { try catalog.function("\u{e9}", of: "\u{212a}") }
        #expect(throws: Problem.self) { try catalog.json(of: "\u{212a}") }
        #expect(throws: Problem.self) { try catalog.function("e\u{300}", of: "K") }
    }
}

extension GuestSignature {
    fileprivate static var integer: GuestSignature? { HostBackend.functions.first?.signature }
}
