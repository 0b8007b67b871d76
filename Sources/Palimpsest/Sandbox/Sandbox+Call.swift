import CPalimpsest
import GuestABI
import MicroVM

/// Calls: the hot path. A call by handle makes one system call, `KVM_RUN`, a resident one none; it allocates nothing
/// but what a string or array result is made of, and takes no lock.
extension Sandbox {
    /// Calls a guest function by name.
    ///
    /// - Parameter name: one of `exports`.
    /// - Parameter arguments: as many as the function has, of its types; they are copied into the guest's memory.
    /// - Parameter deadline: when the call is to be stopped, to the millisecond; nil is never.
    /// - Throws: `SandboxError`; each case says what status it leaves behind.
    public func call<Result: GuestValue, each Argument: GuestValue>(
        _ name: String, _ arguments: repeat each Argument, deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> Result {
        let function = try function(name, as: ((repeat each Argument) -> Result).self)
        return try call(function, repeat each arguments, deadline: deadline)
    }

    /// Calls a guest function without result by name.
    public func call<each Argument: GuestValue>(
        _ name: String, _ arguments: repeat each Argument, deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) {
        let function = try function(name, as: ((repeat each Argument) -> Void).self)
        try call(function, repeat each arguments, deadline: deadline)
    }

    /// Calls a guest function by handle.
    @inlinable
    public func call<Result: GuestValue, each Argument: GuestValue>(
        _ function: GuestFunction<Result, repeat each Argument>, _ arguments: repeat each Argument,
        deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> Result {
        var encoder = try begin(function.export, function.image, deadline)
        defer { end() }
        repeat (each arguments).encode(into: &encoder)
        let decoder = try run(function.export, encoder)
        do throws(GuestValueError) {
            return try Result.decode(from: decoder)
        } catch {
            throw refuse(error, from: function.export)
        }
    }

    /// Calls a guest function without result by handle.
    @inlinable
    public func call<each Argument: GuestValue>(
        _ function: GuestFunction<Void, repeat each Argument>, _ arguments: repeat each Argument,
        deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) {
        var encoder = try begin(function.export, function.image, deadline)
        defer { end() }
        repeat (each arguments).encode(into: &encoder)
        _ = try run(function.export, encoder)
    }

    /// Calls a guest function with values whose types are only known at run time.
    public func call(
        _ name: String, arguments: [AnyGuestValue], deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> AnyGuestValue {
        let export = try program.knownExport(name)
        try check(arguments, for: export)
        var encoder = try begin(export, image, deadline)
        defer { end() }
        for argument in arguments { argument.encode(into: &encoder) }
        let decoder = try run(export, encoder)
        do throws(GuestValueError) {
            return try AnyGuestValue.decode(export.signature.result, from: decoder)
        } catch {
            throw refuse(error, from: export)
        }
    }

    package func check(_ arguments: [AnyGuestValue], for export: GuestExport) throws(SandboxError) {
        let types = arguments.map(\.type)
        guard types == export.signature.arguments else {
            throw .signatureMismatch(
                function: export.name, expected: export.signature,
                found: GuestSignature(result: export.signature.result, arguments: types))
        }
    }

    // MARK: - The steps

    /// Claims the sandbox and returns the place for the arguments. Every successful `begin` is followed by one `end`.
    @usableFromInline
    package func begin(
        _ export: GuestExport, _ image: ImageIdentity, _ deadline: ContinuousClock.Instant?
    ) throws(SandboxError) -> GuestValueEncoder {
        guard image === self.image else { throw .foreignFunction(name: export.name) }
        try claim(deadline, on: resident)
        return makeEncoder()
    }

    /// Gives the sandbox free again. The result, which lies in the guest's memory, has been decoded by then.
    @usableFromInline
    package func end() {
        if log.hasDropped || machine.mailbox.pointee.printed.count != 0 { finishLog() }
        control.end()
    }

    /// Runs the call whose arguments `encoder` took.
    @usableFromInline
    package func run(_ export: GuestExport, _ encoder: GuestValueEncoder) throws(SandboxError) -> GuestValueDecoder {
        hostWrittenByteCount = max(hostWrittenByteCount, Int(PAL_MAILBOX_DATA_OFFSET) + encoder.dataCount)
        guard encoder.missingByteCount == 0 else {
            throw .argumentsTooLarge(
                function: export.name, byteCount: encoder.missingByteCount,
                limit: mailboxDataByteCount)
        }
        counters.calls &+= 1
        runningExport = export.index
        argumentByteCount = encoder.dataCount
        let mailbox = machine.mailbox
        pal_prepare_call(mailbox, export.function, export.context, UInt64(encoder.stackCount))
        if let observer { return try enterGuest(export, observedBy: observer) }
        return try enterGuest(export)
    }

    /// Makes the call that lies in the mailbox.
    func enterGuest(_ export: GuestExport) throws(SandboxError) -> GuestValueDecoder {
        if let resident { return try decoder(export, callResident(resident)) }
        return try decoder(export, enter(at: GuestLayout.entry))
    }

    /// What becomes the call's result.
    /// - Throws: what the guest says went wrong.
    package func decoder(_ export: GuestExport, _ reply: pal_reply) throws(SandboxError) -> GuestValueDecoder {
        if reply.status != UInt32(PAL_CALL_OK) { throw failure(of: export, reply) }
        return GuestValueDecoder(
            first: reply.result.0, second: reply.result.1, floatingPoint: reply.float_result, memory: machine.memory,
            byteLimit: mailboxDataByteCount, mayChange: resident != nil)
    }

    /// What it means that a function has left no value behind. A guest that lies about pointers has broken the ABI.
    @usableFromInline
    package func refuse(_ error: GuestValueError, from export: GuestExport) -> SandboxError {
        if case .invalidPointer = error { poison() }
        return SandboxError(error, from: export.name)
    }

    /// Refuses a call that cannot run; otherwise no other one can until `control.end()`.
    func claim(_ deadline: ContinuousClock.Instant?, on processor: ResidentProcessor?) throws(SandboxError) {
        var nanoseconds = UInt64.max
        if let deadline {
            let remaining = (deadline - .now).nanosecondsRoundedUp
            guard remaining > 0 else { throw .deadlineExceeded }
            nanoseconds = pal_monotonic_nanoseconds() &+ UInt64(remaining)
        }
        try reserve()
        control.start(deadline: nanoseconds, on: processor)
    }

    func makeEncoder() -> GuestValueEncoder {
        let mailbox = machine.mailbox
        return GuestValueEncoder(
            integers: pal_call_integers(mailbox), floats: pal_call_floats(mailbox), stack: pal_call_stack(mailbox),
            data: mailboxData, dataAddress: GuestLayout.mailbox.rawValue + UInt64(PAL_MAILBOX_DATA_OFFSET))
    }

    /// Bytes of strings and arrays that one call can carry.
    var mailboxDataByteCount: Int { machine.mailboxByteCount - Int(PAL_MAILBOX_DATA_OFFSET) }

    /// The mailbox's data area in the host.
    var mailboxData: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(machine.mailbox) + Int(PAL_MAILBOX_DATA_OFFSET),
            count: mailboxDataByteCount)
    }

    /// What a call that came back with a status other than success means.
    private func failure(of export: GuestExport, _ reply: pal_reply) -> SandboxError {
        if reply.status == UInt32(PAL_CALL_HOST_ERROR), let error = pendingHostError.take() {
            return error
        }
        let message = message(reply.error)
        guard reply.status == UInt32(PAL_CALL_ERROR), let message else {
            return poison(.protocolViolation(reason: "call status \(reply.status), or no readable error message"))
        }
        return .guestError(message: message, code: reply.error_code)
    }
}

extension Duration {
    /// Whole nanoseconds, at most about 146 years.
    package var nanosecondsRoundedUp: Int64 {
        let (seconds, attoseconds) = components
        let limit: Int64 = 1 << 32
        if seconds >= limit { return limit * 1_000_000_000 }
        if seconds < 0 { return 0 }
        return seconds * 1_000_000_000 + (attoseconds + 999_999_999) / 1_000_000_000
    }
}
