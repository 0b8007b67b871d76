import CPalimpsest

/// Room for the longest name of a host call, owned.
final class RequestBuffer {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(PAL_MAX_NAME_BYTES), alignment: 8)

    deinit { bytes.deallocate() }
}
