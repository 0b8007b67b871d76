// Prints Sources/PalimpsestGuest/SDK/Swift/Arities.swift as it is before `swift format` has broken its lines.
// `.ci/generate-arities` is the command.

/// The most arguments that a function of a guest or of its host can have.
let largestArity = 12

/// What `element` makes of each argument's number, with commas in between.
func list(_ arity: Int, before first: [String] = [], _ element: (Int) -> String) -> String {
    (first + (0..<arity).map(element)).joined(separator: ", ")
}

/// A generic parameter clause, or nothing where there is no parameter.
func generics(_ arity: Int, before first: [String]) -> String {
    let parameters = list(arity, before: first) { "A\($0): GuestValue" }
    return parameters.isEmpty ? "" : "<\(parameters)>"
}

/// `export` for functions of `arity` arguments that return a value, or nothing.
func export(_ arity: Int, returnsValue: Bool) -> String {
    let parameters = generics(arity, before: (returnsValue ? ["Result: GuestValue"] : []) + ["Failure: GuestFailure"])
    let type = "(\(list(arity) { "A\($0)" })) throws(Failure) -> \(returnsValue ? "Result" : "Void")"
    let reads = (0..<arity).map { "let a\($0) = A\($0).read(&arguments)\n" }.joined()
    let arguments = arity > 0 ? "var arguments = Arguments()\n" + reads : ""
    let call = "try body(\(list(arity) { "a\($0)" }))" + (returnsValue ? ".write(to: result)" : "")
    return """
        public func export\(parameters)(
            _ name: StaticString, _ body: @escaping \(type)
        ) {
            register(name, [\(codes(arity, returnsValue: returnsValue))]) { \(returnsValue ? "result" : "_") in
                \(arguments)do throws(Failure) { \(call) } catch { error.report() }
            }
        }
        """
}

/// `callHost` for host functions of `arity` arguments that return a value.
func callHostForValue(_ arity: Int) -> String {
    """
    public func callHost\(generics(arity, before: ["Result: GuestValue"]))(
        \(parameters(arity))
    ) throws(HostError) -> Result {
        Result(\(hostCall(arity, returnsValue: true)))
    }
    """
}

/// `callHost` for host functions of `arity` arguments that return nothing.
func callHostForNothing(_ arity: Int) -> String {
    """
    public func callHost\(generics(arity, before: []))(\(parameters(arity))) throws(HostError) {
        _ = \(hostCall(arity, returnsValue: false))
    }
    """
}

/// The parameters of `callHost`: the function's name and its arguments.
func parameters(_ arity: Int) -> String {
    list(arity, before: ["_ name: StaticString"]) { "_ a\($0): A\($0)" }
}

/// The call that every `callHost` makes.
func hostCall(_ arity: Int, returnsValue: Bool) -> String {
    "try callHost(name, codes: [\(codes(arity, returnsValue: returnsValue))], [\(list(arity) { "a\($0).span" })])"
}

/// The type codes of a signature: the result's, then the arguments'.
func codes(_ arity: Int, returnsValue: Bool) -> String {
    list(arity, before: [returnsValue ? "Result.code" : "voidCode"]) { "A\($0).code" }
}

/// Every overload of a function: for each arity the one that returns a value, then the one that returns nothing.
func overloads(_ forValue: (Int) -> String, _ forNothing: (Int) -> String) -> String {
    (0...largestArity).flatMap { [forValue($0), forNothing($0)] }.joined(separator: "\n\n")
}

print(
    """
    // Exports and host calls of 0 to \(largestArity) arguments, spelled out: \
    Embedded Swift cannot specialise parameter packs yet.
    // Written by .ci/generate-arities; every overload is the same but for its arity.

    import CPalimpsestGuest

    /// Exports a closure or function of up to \(largestArity) arguments. It may throw a `GuestError` or a `HostError`.
    \(overloads({ export($0, returnsValue: true) }, { export($0, returnsValue: false) }))

    /// Calls a host function of up to \(largestArity) arguments.
    \(overloads(callHostForValue, callHostForNothing))
    """)
