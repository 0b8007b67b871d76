/// One life of a guest, from a restore to the next: its number, and its entropy (`pal_constants`).
package struct GuestGeneration {
    package let number: UInt64
    let entropy: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
}
