import CPalimpsest

/// What CPUID leaf 0xD says of the XSAVE area (Intel SDM vol. 1, 13.2).
package enum ExtendedState {
    /// Opmask registers, upper halves of ZMM0 to 15, and ZMM16 to 31.
    package static let avx512Components: [UInt32] = [5, 6, 7]
    package static let hasAVX512 = pal_cpuid(0xd, 0).eax & 0xe0 == 0xe0

    /// Where a component lies.
    package static func component(_ number: UInt32) -> Range<Int> {
        let place = pal_cpuid(0xd, number)
        return Int(place.ebx)..<Int(place.ebx + place.eax)
    }
}
