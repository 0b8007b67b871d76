import CPalimpsest
import GuestABI
import MicroVM

/// Host functions, as the guest calls them.
extension Sandbox {
    /// Answers one host call: looks the function up, checks its signature, runs it, writes status and result.
    /// - Throws: `fault` if the request itself is malformed (status `poisoned`).
    func answerHostCall() throws(SandboxError) {
        counters.hostCalls &+= 1
        // Copied out once: nothing the guest could change is looked at twice.
        let request = machine.mailbox.pointee.host_call
        guard let function = try findHostFunction(request) else { return }
        var call = HostCall(
            request, encoder: makeResultEncoder(), memory: machine.memory, byteLimit: mailboxDataByteCount,
            mayChange: resident != nil)
        do {
            try function.body(&call)
        } catch let violation as HostCall.Violation {
            throw poison(.protocolViolation(reason: "\(SandboxError(violation.error, from: function.name))"))
        } catch {
            return refuse(.hostFunction(name: function.name, error: error), PAL_HOST_THREW, "\(error)")
        }
        noteHostWrite(call.encoder)
        guard call.encoder.missingByteCount == 0 else {
            let error = SandboxError.hostResultTooLarge(
                name: function.name, byteCount: call.encoder.missingByteCount,
                limit: mailboxDataByteCount - argumentByteCount)
            return refuse(error, PAL_HOST_RESULT_TOO_LARGE, error.description)
        }
        machine.mailbox.pointee.host_call.status = UInt32(PAL_HOST_OK)
    }

    /// The function the guest asks for; nil if there is none like it, which the guest has been told.
    private func findHostFunction(_ request: pal_host_call) throws(SandboxError) -> HostFunction? {
        let name = try requestBytes(GuestSpan(request.name), limit: Int(PAL_MAX_NAME_BYTES), what: "name")
        guard let function = hostFunctions.find(name) else {
            let error = SandboxError.unknownHostFunction(
                name: GuestText.escaped(String(decoding: name, as: UTF8.self)), available: hostFunctions.names)
            refuse(error, PAL_HOST_NOT_FOUND, error.description)
            return nil
        }
        let codes = try requestBytes(
            GuestSpan(request.signature), limit: 1 + GuestSignature.maximumArgumentCount, what: "signature")
        guard function.codes.elementsEqual(codes) else {
            guard let found = GuestSignature(codes: codes) else {
                throw poison(.protocolViolation(reason: "malformed signature in a host call"))
            }
            let error = SandboxError.hostSignatureMismatch(
                name: function.name, expected: function.signature, found: found)
            refuse(error, PAL_HOST_SIGNATURE_MISMATCH, error.description)
            return nil
        }
        return function
    }

    /// A few bytes of a host call: in place, since the guest does not run while they are looked at; or, where they
    /// cross into a page that is elsewhere in the host, copied together. Good until the next such request.
    private func requestBytes(
        _ span: GuestSpan, limit: Int, what: String
    ) throws(SandboxError) -> UnsafeRawBufferPointer {
        if span.byteCount == 0 { return UnsafeRawBufferPointer(start: nil, count: 0) }
        if span.byteCount.count(upTo: min(limit, requestBuffer.bytes.count)) != nil {
            if let bytes = try? machine.memory.contiguous(span) { return bytes }
            var count = 0
            let copied: Void? = try? machine.memory.forEachPiece(of: span) { piece in
                UnsafeMutableRawBufferPointer(rebasing: requestBuffer.bytes[count...]).copyMemory(from: piece)
                count += piece.count
            }
            if copied != nil { return UnsafeRawBufferPointer(rebasing: requestBuffer.bytes[..<count]) }
        }
        throw poison(
            .protocolViolation(
                reason:
                    "\(what) of a host call: \(span.byteCount.uncheckedValue) bytes at \(span.address); expected at most "
                    + "\(limit) readable bytes"))
    }

    /// Tells the guest that its host call failed. If it does not handle that, `error` is what the caller gets.
    private func refuse(_ error: SandboxError, _ status: Int32, _ message: String) {
        pendingHostError.set(error)
        var encoder = makeResultEncoder()
        let room = mailboxData.count - encoder.dataCount
        let text = Array(message.utf8.prefix(min(Int(PAL_MAX_MESSAGE_BYTES), room)))
        text.encode(into: &encoder)
        noteHostWrite(encoder)
        machine.mailbox.pointee.host_call.status = UInt32(status)
    }

    private func noteHostWrite(_ encoder: GuestValueEncoder) {
        hostWrittenByteCount = max(hostWrittenByteCount, Int(PAL_MAILBOX_DATA_OFFSET) + encoder.dataCount)
    }

    /// Results go behind the arguments of the call, which the guest may still be reading.
    private func makeResultEncoder() -> GuestValueEncoder {
        GuestValueEncoder(
            result: pal_host_call_result(machine.mailbox), data: mailboxData,
            dataAddress: GuestLayout.mailbox.rawValue + UInt64(PAL_MAILBOX_DATA_OFFSET), dataCount: argumentByteCount)
    }
}
