import Foundation
import Palimpsest

// The smallest embedding: three guests that the GuestBuilder plugin built from the Guests folder.

func guest(_ name: String) throws -> GuestSource {
    guard let url = Bundle.module.url(forResource: name, withExtension: "elf") else {
        throw CocoaError(.fileNoSuchFile)
    }
    return .file(url.path)
}

var host = HostFunctions()
try host.register("decorate") { (text: String) -> String in "*** \(text) ***" }

for name in ["greeter-c", "greeter-swift"] {
    let sandbox = try Sandbox(guest: guest(name), hostFunctions: host)
    let greeting: String = try sandbox.call("sayHello", "World")
    let decorated: String = try sandbox.call("greetFromHost", "World")
    let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
    print("\(name): \(greeting) \(decorated) \(try sandbox.call(add, 40, 2))")
}

let hasher = try Sandbox(guest: guest("sha256"))
let digest: String = try hasher.call("sha256", Array("abc".utf8))
print("sha256: \(digest)")
