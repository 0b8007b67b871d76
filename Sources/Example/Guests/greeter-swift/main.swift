// A greeter in Embedded Swift. Top-level code runs once, when the sandbox is made, and says what is exported.

export("sayHello") { (name: String) -> String in "Hello, \(name)!" }

export("add") { (left: Int64, right: Int64) -> Int64 in left + right }

// An error reaches the host as `SandboxError.guestError`.
export("divide") { (dividend: Int64, divisor: Int64) throws(GuestError) -> Int64 in
    guard divisor != 0 else { throw GuestError("division by zero", code: 33) }
    return dividend / divisor
}

export("reversed") { (bytes: [UInt8]) -> [UInt8] in bytes.reversed() }

// Whatever `decorate` throws on the host goes back to the caller.
export("greetFromHost") { (name: String) throws(HostError) -> String in
    try callHost("decorate", "Hello, \(name)!")
}
