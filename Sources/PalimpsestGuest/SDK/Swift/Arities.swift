// Exports and host calls of 0 to 12 arguments, spelled out: Embedded Swift cannot specialise parameter packs yet.
// Written by .ci/generate-arities; every overload is the same but for its arity.

import CPalimpsestGuest

/// Exports a closure or function of up to 12 arguments. It may throw a `GuestError` or a `HostError`.
public func export<Result: GuestValue, Failure: GuestFailure>(
    _ name: StaticString, _ body: @escaping () throws(Failure) -> Result
) {
    register(name, [Result.code]) { result in
        do throws(Failure) { try body().write(to: result) } catch { error.report() }
    }
}

public func export<Failure: GuestFailure>(
    _ name: StaticString, _ body: @escaping () throws(Failure) -> Void
) {
    register(name, [voidCode]) { _ in
        do throws(Failure) { try body() } catch { error.report() }
    }
}

public func export<Result: GuestValue, Failure: GuestFailure, A0: GuestValue>(
    _ name: StaticString, _ body: @escaping (A0) throws(Failure) -> Result
) {
    register(name, [Result.code, A0.code]) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        do throws(Failure) { try body(a0).write(to: result) } catch { error.report() }
    }
}

public func export<Failure: GuestFailure, A0: GuestValue>(
    _ name: StaticString, _ body: @escaping (A0) throws(Failure) -> Void
) {
    register(name, [voidCode, A0.code]) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        do throws(Failure) { try body(a0) } catch { error.report() }
    }
}

public func export<Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue>(
    _ name: StaticString, _ body: @escaping (A0, A1) throws(Failure) -> Result
) {
    register(name, [Result.code, A0.code, A1.code]) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        do throws(Failure) { try body(a0, a1).write(to: result) } catch { error.report() }
    }
}

public func export<Failure: GuestFailure, A0: GuestValue, A1: GuestValue>(
    _ name: StaticString, _ body: @escaping (A0, A1) throws(Failure) -> Void
) {
    register(name, [voidCode, A0.code, A1.code]) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        do throws(Failure) { try body(a0, a1) } catch { error.report() }
    }
}

public func export<Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2) throws(Failure) -> Result
) {
    register(name, [Result.code, A0.code, A1.code, A2.code]) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2).write(to: result) } catch { error.report() }
    }
}

public func export<Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2) throws(Failure) -> Void
) {
    register(name, [voidCode, A0.code, A1.code, A2.code]) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2) } catch { error.report() }
    }
}

public func export<
    Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3) throws(Failure) -> Result
) {
    register(name, [Result.code, A0.code, A1.code, A2.code, A3.code]) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3).write(to: result) } catch { error.report() }
    }
}

public func export<Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3) throws(Failure) -> Void
) {
    register(name, [voidCode, A0.code, A1.code, A2.code, A3.code]) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3) } catch { error.report() }
    }
}

public func export<
    Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue,
    A4: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4) throws(Failure) -> Result
) {
    register(name, [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code]) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4).write(to: result) } catch { error.report() }
    }
}

public func export<
    Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4) throws(Failure) -> Void
) {
    register(name, [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code]) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4) } catch { error.report() }
    }
}

public func export<
    Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue,
    A4: GuestValue, A5: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5) throws(Failure) -> Result
) {
    register(name, [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code]) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5).write(to: result) } catch { error.report() }
    }
}

public func export<
    Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue,
    A5: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5) throws(Failure) -> Void
) {
    register(name, [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code]) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5) } catch { error.report() }
    }
}

public func export<
    Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue,
    A4: GuestValue, A5: GuestValue, A6: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6) throws(Failure) -> Result
) {
    register(name, [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code]) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6).write(to: result) } catch { error.report() }
    }
}

public func export<
    Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue,
    A5: GuestValue, A6: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6) throws(Failure) -> Void
) {
    register(name, [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code]) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6) } catch { error.report() }
    }
}

public func export<
    Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue,
    A4: GuestValue, A5: GuestValue, A6: GuestValue, A7: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7) throws(Failure) -> Result
) {
    register(name, [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code]) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7).write(to: result) } catch { error.report() }
    }
}

public func export<
    Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue,
    A5: GuestValue, A6: GuestValue, A7: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7) throws(Failure) -> Void
) {
    register(name, [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code]) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7) } catch { error.report() }
    }
}

public func export<
    Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue,
    A4: GuestValue, A5: GuestValue, A6: GuestValue, A7: GuestValue, A8: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7, A8) throws(Failure) -> Result
) {
    register(name, [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code]) {
        result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        let a8 = A8.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7, a8).write(to: result) } catch { error.report() }
    }
}

public func export<
    Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue,
    A5: GuestValue, A6: GuestValue, A7: GuestValue, A8: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7, A8) throws(Failure) -> Void
) {
    register(name, [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code]) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        let a8 = A8.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7, a8) } catch { error.report() }
    }
}

public func export<
    Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue,
    A4: GuestValue, A5: GuestValue, A6: GuestValue, A7: GuestValue, A8: GuestValue, A9: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7, A8, A9) throws(Failure) -> Result
) {
    register(
        name, [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code]
    ) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        let a8 = A8.read(&arguments)
        let a9 = A9.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9).write(to: result) } catch {
            error.report()
        }
    }
}

public func export<
    Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue,
    A5: GuestValue, A6: GuestValue, A7: GuestValue, A8: GuestValue, A9: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7, A8, A9) throws(Failure) -> Void
) {
    register(
        name, [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code]
    ) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        let a8 = A8.read(&arguments)
        let a9 = A9.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9) } catch { error.report() }
    }
}

public func export<
    Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue,
    A4: GuestValue, A5: GuestValue, A6: GuestValue, A7: GuestValue, A8: GuestValue, A9: GuestValue, A10: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10) throws(Failure) -> Result
) {
    register(
        name,
        [
            Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code,
            A10.code,
        ]
    ) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        let a8 = A8.read(&arguments)
        let a9 = A9.read(&arguments)
        let a10 = A10.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10).write(to: result) } catch {
            error.report()
        }
    }
}

public func export<
    Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue,
    A5: GuestValue, A6: GuestValue, A7: GuestValue, A8: GuestValue, A9: GuestValue, A10: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10) throws(Failure) -> Void
) {
    register(
        name,
        [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code, A10.code]
    ) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        let a8 = A8.read(&arguments)
        let a9 = A9.read(&arguments)
        let a10 = A10.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10) } catch { error.report() }
    }
}

public func export<
    Result: GuestValue, Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue,
    A4: GuestValue, A5: GuestValue, A6: GuestValue, A7: GuestValue, A8: GuestValue, A9: GuestValue, A10: GuestValue,
    A11: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11) throws(Failure) -> Result
) {
    register(
        name,
        [
            Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code,
            A10.code, A11.code,
        ]
    ) { result in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        let a8 = A8.read(&arguments)
        let a9 = A9.read(&arguments)
        let a10 = A10.read(&arguments)
        let a11 = A11.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11).write(to: result) } catch {
            error.report()
        }
    }
}

public func export<
    Failure: GuestFailure, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue,
    A5: GuestValue, A6: GuestValue, A7: GuestValue, A8: GuestValue, A9: GuestValue, A10: GuestValue, A11: GuestValue
>(
    _ name: StaticString, _ body: @escaping (A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11) throws(Failure) -> Void
) {
    register(
        name,
        [
            voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code,
            A10.code, A11.code,
        ]
    ) { _ in
        var arguments = Arguments()
        let a0 = A0.read(&arguments)
        let a1 = A1.read(&arguments)
        let a2 = A2.read(&arguments)
        let a3 = A3.read(&arguments)
        let a4 = A4.read(&arguments)
        let a5 = A5.read(&arguments)
        let a6 = A6.read(&arguments)
        let a7 = A7.read(&arguments)
        let a8 = A8.read(&arguments)
        let a9 = A9.read(&arguments)
        let a10 = A10.read(&arguments)
        let a11 = A11.read(&arguments)
        do throws(Failure) { try body(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11) } catch { error.report() }
    }
}

/// Calls a host function of up to 12 arguments.
public func callHost<Result: GuestValue>(
    _ name: StaticString
) throws(HostError) -> Result {
    Result(try callHost(name, codes: [Result.code], []))
}

public func callHost(_ name: StaticString) throws(HostError) {
    _ = try callHost(name, codes: [voidCode], [])
}

public func callHost<Result: GuestValue, A0: GuestValue>(
    _ name: StaticString, _ a0: A0
) throws(HostError) -> Result {
    Result(try callHost(name, codes: [Result.code, A0.code], [a0.span]))
}

public func callHost<A0: GuestValue>(_ name: StaticString, _ a0: A0) throws(HostError) {
    _ = try callHost(name, codes: [voidCode, A0.code], [a0.span])
}

public func callHost<Result: GuestValue, A0: GuestValue, A1: GuestValue>(
    _ name: StaticString, _ a0: A0, _ a1: A1
) throws(HostError) -> Result {
    Result(try callHost(name, codes: [Result.code, A0.code, A1.code], [a0.span, a1.span]))
}

public func callHost<A0: GuestValue, A1: GuestValue>(_ name: StaticString, _ a0: A0, _ a1: A1) throws(HostError) {
    _ = try callHost(name, codes: [voidCode, A0.code, A1.code], [a0.span, a1.span])
}

public func callHost<Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2
) throws(HostError) -> Result {
    Result(try callHost(name, codes: [Result.code, A0.code, A1.code, A2.code], [a0.span, a1.span, a2.span]))
}

public func callHost<A0: GuestValue, A1: GuestValue, A2: GuestValue>(_ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2)
    throws(HostError)
{
    _ = try callHost(name, codes: [voidCode, A0.code, A1.code, A2.code], [a0.span, a1.span, a2.span])
}

public func callHost<Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3
) throws(HostError) -> Result {
    Result(
        try callHost(
            name, codes: [Result.code, A0.code, A1.code, A2.code, A3.code], [a0.span, a1.span, a2.span, a3.span]))
}

public func callHost<A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3
) throws(HostError) {
    _ = try callHost(
        name, codes: [voidCode, A0.code, A1.code, A2.code, A3.code], [a0.span, a1.span, a2.span, a3.span])
}

public func callHost<
    Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4
) throws(HostError) -> Result {
    Result(
        try callHost(
            name, codes: [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code],
            [a0.span, a1.span, a2.span, a3.span, a4.span]))
}

public func callHost<A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4
) throws(HostError) {
    _ = try callHost(
        name, codes: [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code],
        [a0.span, a1.span, a2.span, a3.span, a4.span])
}

public func callHost<
    Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5
) throws(HostError) -> Result {
    Result(
        try callHost(
            name, codes: [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code],
            [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span]))
}

public func callHost<A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5
) throws(HostError) {
    _ = try callHost(
        name, codes: [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code],
        [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span])
}

public func callHost<
    Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue,
    A6: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6
) throws(HostError) -> Result {
    Result(
        try callHost(
            name, codes: [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code],
            [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span]))
}

public func callHost<
    A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue, A6: GuestValue
>(_ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6) throws(HostError) {
    _ = try callHost(
        name, codes: [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code],
        [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span])
}

public func callHost<
    Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue,
    A6: GuestValue, A7: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7
) throws(HostError) -> Result {
    Result(
        try callHost(
            name, codes: [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code],
            [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span]))
}

public func callHost<
    A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue, A6: GuestValue,
    A7: GuestValue
>(_ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7)
    throws(HostError)
{
    _ = try callHost(
        name, codes: [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code],
        [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span])
}

public func callHost<
    Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue,
    A6: GuestValue, A7: GuestValue, A8: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7, _ a8: A8
) throws(HostError) -> Result {
    Result(
        try callHost(
            name,
            codes: [Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code],
            [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span, a8.span]))
}

public func callHost<
    A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue, A6: GuestValue,
    A7: GuestValue, A8: GuestValue
>(_ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7, _ a8: A8)
    throws(HostError)
{
    _ = try callHost(
        name, codes: [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code],
        [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span, a8.span])
}

public func callHost<
    Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue,
    A6: GuestValue, A7: GuestValue, A8: GuestValue, A9: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7, _ a8: A8,
    _ a9: A9
) throws(HostError) -> Result {
    Result(
        try callHost(
            name,
            codes: [
                Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code,
            ], [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span, a8.span, a9.span]))
}

public func callHost<
    A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue, A6: GuestValue,
    A7: GuestValue, A8: GuestValue, A9: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7, _ a8: A8,
    _ a9: A9
) throws(HostError) {
    _ = try callHost(
        name,
        codes: [voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code],
        [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span, a8.span, a9.span])
}

public func callHost<
    Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue,
    A6: GuestValue, A7: GuestValue, A8: GuestValue, A9: GuestValue, A10: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7, _ a8: A8,
    _ a9: A9, _ a10: A10
) throws(HostError) -> Result {
    Result(
        try callHost(
            name,
            codes: [
                Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code,
                A10.code,
            ], [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span, a8.span, a9.span, a10.span]))
}

public func callHost<
    A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue, A6: GuestValue,
    A7: GuestValue, A8: GuestValue, A9: GuestValue, A10: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7, _ a8: A8,
    _ a9: A9, _ a10: A10
) throws(HostError) {
    _ = try callHost(
        name,
        codes: [
            voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code,
            A10.code,
        ], [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span, a8.span, a9.span, a10.span])
}

public func callHost<
    Result: GuestValue, A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue,
    A6: GuestValue, A7: GuestValue, A8: GuestValue, A9: GuestValue, A10: GuestValue, A11: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7, _ a8: A8,
    _ a9: A9, _ a10: A10, _ a11: A11
) throws(HostError) -> Result {
    Result(
        try callHost(
            name,
            codes: [
                Result.code, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code,
                A10.code, A11.code,
            ],
            [
                a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span, a8.span, a9.span, a10.span,
                a11.span,
            ]))
}

public func callHost<
    A0: GuestValue, A1: GuestValue, A2: GuestValue, A3: GuestValue, A4: GuestValue, A5: GuestValue, A6: GuestValue,
    A7: GuestValue, A8: GuestValue, A9: GuestValue, A10: GuestValue, A11: GuestValue
>(
    _ name: StaticString, _ a0: A0, _ a1: A1, _ a2: A2, _ a3: A3, _ a4: A4, _ a5: A5, _ a6: A6, _ a7: A7, _ a8: A8,
    _ a9: A9, _ a10: A10, _ a11: A11
) throws(HostError) {
    _ = try callHost(
        name,
        codes: [
            voidCode, A0.code, A1.code, A2.code, A3.code, A4.code, A5.code, A6.code, A7.code, A8.code, A9.code,
            A10.code, A11.code,
        ],
        [a0.span, a1.span, a2.span, a3.span, a4.span, a5.span, a6.span, a7.span, a8.span, a9.span, a10.span, a11.span])
}
