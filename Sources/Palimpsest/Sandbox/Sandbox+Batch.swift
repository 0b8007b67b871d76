import CPalimpsest
import GuestABI
import MicroVM

/// Batches: many calls for the price of one entry and one exit.
///
/// The calls lie in the mailbox's data area, one after another, and trusted code in the guest makes them in turn, with
/// the registers as for any call. What no later call may change before the host has seen it is copied aside:
///
///     | calls ...  384 bytes each | their strings and arrays | their results' | host functions' results |
///
/// A call that fails, or whose result finds no room, ends the entry. The host takes its result and those copied aside,
/// and enters again for the calls behind it, which still lie there: each call is encoded once, and a failure costs one
/// entry more.
extension Sandbox {
    /// Calls a guest function once for each element of `arguments`, in order, without a rollback in between: a later
    /// call sees what earlier ones left in memory.
    ///
    ///     let sums = try sandbox.callBatch(add, [(1, 2), (3, 4)])
    ///
    /// With resident calls, they are made one by one.
    /// - Parameter function: from `function(_:as:)` of this sandbox, or of a snapshot of its guest.
    /// - Parameter arguments: those of each call.
    /// - Parameter deadline: for all of them together.
    /// - Returns: what became of each call, as many as `arguments`. After one that leaves the sandbox `poisoned` or
    ///   `unrecoverable`, those behind it have not run: their error is that. Which call it was is the guest's word;
    ///   that there was one is not.
    /// - Throws: `SandboxError.foreignFunction`, `callInProgress`, `poisoned`, `unrecoverable`, `deadlineExceeded` (it
    ///   has passed already): no call has run.
    @inlinable
    public func callBatch<Result: GuestValue, each Argument: GuestValue>(
        _ function: GuestFunction<Result, repeat each Argument>, _ arguments: [(repeat each Argument)],
        deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> [Swift.Result<Result, SandboxError>] {
        try runBatch(function.export, function.image, count: arguments.count, deadline) { index, encoder in
            let values = arguments[index]
            repeat (each values).encode(into: &encoder)
        } decode: { decoder throws(GuestValueError) in
            try Result.decode(from: decoder)
        }
    }

    /// Calls a guest function without result once for each element of `arguments`.
    @inlinable
    public func callBatch<each Argument: GuestValue>(
        _ function: GuestFunction<Void, repeat each Argument>, _ arguments: [(repeat each Argument)],
        deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> [Swift.Result<Void, SandboxError>] {
        try runBatch(function.export, function.image, count: arguments.count, deadline) { index, encoder in
            let values = arguments[index]
            repeat (each values).encode(into: &encoder)
        } decode: { _ in
        }
    }

    /// Calls a guest function once for each list of values, whose types are only known at run time.
    /// - Throws: `unknownFunction`, `signatureMismatch` for the first list that does not fit, and as above.
    public func callBatch(
        _ name: String, arguments: [[AnyGuestValue]], deadline: ContinuousClock.Instant? = nil
    ) throws(SandboxError) -> [Swift.Result<AnyGuestValue, SandboxError>] {
        let export = try program.knownExport(name)
        for values in arguments { try check(values, for: export) }
        return try runBatch(export, image, count: arguments.count, deadline) { index, encoder in
            for value in arguments[index] { value.encode(into: &encoder) }
        } decode: { decoder throws(GuestValueError) in
            try AnyGuestValue.decode(export.signature.result, from: decoder)
        }
    }

    // MARK: - The steps

    @usableFromInline
    func runBatch<Value>(
        _ export: GuestExport, _ image: ImageIdentity, count: Int, _ deadline: ContinuousClock.Instant?,
        encode: (Int, inout GuestValueEncoder) -> Void,
        decode: (GuestValueDecoder) throws(GuestValueError) -> Value
    ) throws(SandboxError) -> [Swift.Result<Value, SandboxError>] {
        guard image === self.image else { throw .foreignFunction(name: export.name) }
        try claim(deadline, on: resident)
        defer { end() }
        runningExport = export.index
        guard let observer else { return makeBatch(export, count: count, encode, decode) }
        let beginning = observer.callBegan(export.name, count: count, in: self)
        let results = makeBatch(export, count: count, encode, decode)
        observer.callEnded(export.name, count: count, results.firstError(), beginning, in: self)
        return results
    }

    private func makeBatch<Value>(
        _ export: GuestExport, count: Int, _ encode: (Int, inout GuestValueEncoder) -> Void,
        _ decode: (GuestValueDecoder) throws(GuestValueError) -> Value
    ) -> [Swift.Result<Value, SandboxError>] {
        var results: [Swift.Result<Value, SandboxError>] = []
        results.reserveCapacity(count)
        while results.count < count {
            if let error = statusError {
                results.append(.failure(error))
            } else if var entry = prepareEntry(export, from: results.count, count: count, encode) {
                // Behind a call that failed, the rest still lies there.
                while entry.doneCount < entry.count, statusError == nil { run(&entry, export, decode, &results) }
            } else {
                results.append(runAlone(export, results.count, encode, decode))
            }
        }
        return results
    }

    /// Puts as many calls into the mailbox as fit its first half.
    /// - Returns: nil if not even one does, or if calls take no entry anyway.
    private func prepareEntry(
        _ export: GuestExport, from first: Int, count: Int, _ encode: (Int, inout GuestValueEncoder) -> Void
    ) -> BatchEntry? {
        let room = mailboxDataByteCount / 2
        let capacity = min(count - first, room / 2 / Int(PAL_BATCH_CALL_BYTES))
        guard resident == nil, capacity > 0, let data = mailboxData.baseAddress else { return nil }
        var used = capacity * Int(PAL_BATCH_CALL_BYTES)
        var prepared = 0
        while prepared < capacity {
            let call = pal_batch_call_at(data, UInt64(prepared))
            var encoder = makeEncoder(call, dataCount: used)
            encode(first + prepared, &encoder)
            // Those of a call that has to wait for another entry, too.
            hostWrittenByteCount = max(hostWrittenByteCount, Int(PAL_MAILBOX_DATA_OFFSET) + encoder.dataCount)
            guard encoder.missingByteCount == 0, encoder.dataCount <= room else { break }
            pal_prepare_batched(call, export.function, export.context, UInt64(encoder.stackCount), export.returnsSpan)
            used = encoder.dataCount
            prepared += 1
        }
        guard prepared > 0 else { return nil }
        // Of what is left, half for results, the other half for those of host functions.
        let space = export.returnsSpan ? (mailboxDataByteCount - used) / 2 & ~7 : 0
        argumentByteCount = used + space
        return BatchEntry(count: prepared, argumentByteCount: used, spaceByteCount: space)
    }

    /// Makes the calls of an entry that are left, or some of them. At least one more has its result or its error then.
    private func run<Value>(
        _ entry: inout BatchEntry, _ export: GuestExport,
        _ decode: (GuestValueDecoder) throws(GuestValueError) -> Value,
        _ results: inout [Swift.Result<Value, SandboxError>]
    ) {
        let done = entry.doneCount
        counters.calls &+= 1
        let begun = counters.calls
        let ending = Swift.Result { () throws(SandboxError) in try enter(entry) }
        let made = callsMade(entry, ending)
        for index in done..<made {
            let reply = pal_batched_reply(pal_batch_call_at(mailboxData.baseAddress.unsafelyUnwrapped, UInt64(index)))
            results.append(result(export, reply, decode))
        }
        if made < entry.count {
            results.append(Swift.Result { () throws(SandboxError) in try read(export, ending.get(), decode) })
        }
        entry.advance(to: min(made + 1, entry.count))
        counters.calls &+= UInt64(entry.doneCount - done - 1)
        // A fault is the last call's.
        if lastFaultOfCall?.calls == begun { lastFaultOfCall?.calls = counters.calls }
    }

    /// Enters the entry code with the calls of an entry that are left.
    /// - Returns: what became of the call it ended with, unless that was the last one and it came back well.
    private func enter(_ entry: BatchEntry) throws(SandboxError) -> pal_reply {
        machine.mailbox.pointee.batch = entry.remaining
        let reply = try enter(at: GuestLayout.batchEntry)
        let next = machine.mailbox.pointee.batch.next
        guard entry.index(at: next) != nil else {
            throw poison(.protocolViolation(reason: "no call of the batch lies at \(hex(next))"))
        }
        return reply
    }

    /// How many calls of the entry have come back, by what the guest says.
    ///
    /// It may say anything, so an entry that ended badly always has a call that bears the error: the one the guest says
    /// it was making; the first one it was entered for, if it names none; the last one, if it says that all had come
    /// back. That is also right when it is true: a call by itself that is stopped between its return and its exit ends
    /// in the same error, and the sandbox is no less poisoned.
    private func callsMade(_ entry: BatchEntry, _ ending: Swift.Result<pal_reply, SandboxError>) -> Int {
        let made = entry.index(at: machine.mailbox.pointee.batch.next) ?? entry.doneCount
        guard case .failure = ending else { return made }
        return min(made, entry.count - 1)
    }

    private func result<Value>(
        _ export: GuestExport, _ reply: pal_reply, _ decode: (GuestValueDecoder) throws(GuestValueError) -> Value
    ) -> Swift.Result<Value, SandboxError> {
        Swift.Result { () throws(SandboxError) in try read(export, reply, decode) }
    }

    private func read<Value>(
        _ export: GuestExport, _ reply: pal_reply, _ decode: (GuestValueDecoder) throws(GuestValueError) -> Value
    ) throws(SandboxError) -> Value {
        let decoder = try decoder(export, reply)
        do throws(GuestValueError) { return try decode(decoder) } catch { throw refuse(error, from: export) }
    }

    /// Makes a call as if it were not part of a batch.
    private func runAlone<Value>(
        _ export: GuestExport, _ index: Int, _ encode: (Int, inout GuestValueEncoder) -> Void,
        _ decode: (GuestValueDecoder) throws(GuestValueError) -> Value
    ) -> Swift.Result<Value, SandboxError> {
        var encoder = makeEncoder()
        encode(index, &encoder)
        return Swift.Result { () throws(SandboxError) in
            let decoder = try run(export, encoder)
            do throws(GuestValueError) { return try decode(decoder) } catch { throw refuse(error, from: export) }
        }
    }

    private func makeEncoder(_ call: UnsafeMutablePointer<pal_batch_call>, dataCount: Int) -> GuestValueEncoder {
        GuestValueEncoder(
            integers: pal_batch_integers(call), floats: pal_batch_floats(call), stack: pal_batch_stack(call),
            data: mailboxData, dataAddress: GuestLayout.mailbox.rawValue + UInt64(PAL_MAILBOX_DATA_OFFSET),
            dataCount: dataCount)
    }
}

extension Array {
    /// What the first call of a batch that failed ended in.
    fileprivate func firstError<Value>() -> SandboxError? where Element == Result<Value, SandboxError> {
        for case .failure(let error) in self { return error }
        return nil
    }
}

extension GuestExport {
    /// Whether the result is an address and a length.
    fileprivate var returnsSpan: Bool { signature.result == .string || signature.result == .bytes }
}
