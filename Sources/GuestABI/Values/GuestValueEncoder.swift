import CPalimpsest
import MicroVM

/// Puts values where the System V AMD64 ABI has them (3.2.3): six integer registers, eight vector registers, then
/// the stack. Strings and byte arrays go into the mailbox's data area, and their address and length into two
/// integer registers, or, if only one is left, both onto the stack.
///
/// Writes into the mailbox only, never past its end: what does not fit is counted in `missingByteCount`.
public struct GuestValueEncoder {
    @usableFromInline package let integers: UnsafeMutablePointer<UInt64>
    @usableFromInline package let floats: UnsafeMutablePointer<UInt64>
    @usableFromInline package let stack: UnsafeMutablePointer<UInt64>
    /// The mailbox's data area in the host, and its address in the guest.
    @usableFromInline package let data: UnsafeMutableRawBufferPointer
    @usableFromInline package let dataAddress: UInt64
    @usableFromInline var integerCount = 0
    @usableFromInline var floatCount = 0
    @usableFromInline package var stackCount = 0
    @usableFromInline package var dataCount: Int
    /// Registers and words of stack there are: those of a call, or the two words of a host function's result.
    @usableFromInline let integerLimit: Int
    @usableFromInline let floatLimit: Int
    @usableFromInline let stackLimit: Int
    /// Bytes of arguments that did not fit the mailbox.
    @usableFromInline package var missingByteCount = 0

    /// For the arguments of a call; behind the first `dataCount` bytes of the data area.
    @inlinable
    package init(
        integers: UnsafeMutablePointer<UInt64>, floats: UnsafeMutablePointer<UInt64>,
        stack: UnsafeMutablePointer<UInt64>, data: UnsafeMutableRawBufferPointer, dataAddress: UInt64,
        dataCount: Int = 0
    ) {
        (integerLimit, floatLimit, stackLimit) = (6, 8, Int(PAL_MAX_STACK_WORDS))
        self.dataCount = dataCount
        self.integers = integers
        self.floats = floats
        self.stack = stack
        self.data = data
        self.dataAddress = dataAddress
    }

    /// For the result of a host function: `result` has two words.
    @inlinable
    package init(
        result: UnsafeMutablePointer<UInt64>, data: UnsafeMutableRawBufferPointer, dataAddress: UInt64, dataCount: Int
    ) {
        (integers, floats, stack) = (result, result, result)
        (integerLimit, floatLimit, stackLimit) = (2, 1, 0)
        self.data = data
        self.dataAddress = dataAddress
        self.dataCount = dataCount
    }

    // At most 12 arguments of at most two words each: the 24 words of stack always suffice, unless a value of the
    // embedder's own type encodes more than one.
    @inlinable mutating func push(_ word: UInt64) {
        precondition(stackCount < stackLimit, "a GuestValue must encode itself as exactly one value")
        stack[stackCount] = word
        stackCount &+= 1
    }

    @inlinable package mutating func integer(_ value: UInt64) {
        if integerCount < integerLimit {
            integers[integerCount] = value
            integerCount &+= 1
        } else {
            push(value)
        }
    }

    @inlinable package mutating func floatingPoint(_ bits: UInt64) {
        if floatCount < floatLimit {
            floats[floatCount] = bits
            floatCount &+= 1
        } else {
            push(bits)
        }
    }

    @inlinable package mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        let address = append(bytes)
        if integerCount &+ 2 <= integerLimit {
            integers[integerCount] = address
            integers[integerCount &+ 1] = UInt64(bytes.count)
            integerCount &+= 2
        } else {
            push(address)
            push(UInt64(bytes.count))
        }
    }

    /// Copies `bytes` into the data area and returns where the guest finds them.
    @inlinable package mutating func append(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard bytes.count <= data.count - dataCount else {
            missingByteCount += bytes.count
            return 0
        }
        let address = dataAddress &+ UInt64(dataCount)
        if let source = bytes.baseAddress, bytes.count > 0 {
            (data.baseAddress.unsafelyUnwrapped + dataCount).copyMemory(from: source, byteCount: bytes.count)
        }
        dataCount = min((dataCount + bytes.count + 7) & ~7, data.count)
        return address
    }
}
