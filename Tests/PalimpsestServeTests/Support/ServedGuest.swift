import Foundation
import Testing

/// A guest with a function for everything a call over HTTP can run into, built once; as an ELF file and in a store.
struct ServedGuest {
    let elf: String
    /// `DIR:TAG`
    let snapshot: String
    private let scratch: Scratch

    static let shared = Result { try ServedGuest() }

    private init() throws {
        scratch = try Scratch()
        elf = scratch.path("guest.elf")
        snapshot = scratch.path("store") + ":guest"
        let source = try scratch.file("guest.c", ServedGuest.source)
        let tool = try BuiltProduct.url("palimpsest")
        for arguments in [["build", source.path, "-o", elf], ["snapshot", "save", elf, snapshot]] {
            let (status, output, errors) = try BuiltProduct.run(tool, arguments)
            try #require(status == 0, "\(arguments): \(output)\(errors)")
        }
    }

    private static let source = """
        #include "palimpsest.h"
        PALIMPSEST_EXPORT(bool, not, bool);
        PALIMPSEST_EXPORT(int8, small, int8);
        PALIMPSEST_EXPORT(int64, same, int64);
        PALIMPSEST_EXPORT(uint64, large, uint64);
        PALIMPSEST_EXPORT(float, single, float);
        PALIMPSEST_EXPORT(double, number, double);
        PALIMPSEST_EXPORT(bytes, copy, bytes);
        PALIMPSEST_EXPORT(string, echo, string);
        PALIMPSEST_EXPORT(int64, add, int64, int64);
        PALIMPSEST_EXPORT(int64, count);
        PALIMPSEST_EXPORT(void, nothing);
        PALIMPSEST_EXPORT(void, fail);
        PALIMPSEST_EXPORT(void, crash);
        PALIMPSEST_EXPORT(void, giveUp);
        PALIMPSEST_EXPORT(void, spin);
        PALIMPSEST_EXPORT(uint64, loop, uint64);
        PALIMPSEST_EXPORT(string, badText);
        PALIMPSEST_EXPORT(bytes, badPointer);
        PALIMPSEST_EXPORT(string, askHost, string);
        PALIMPSEST_IMPORT(string, ask, string);
        pal_bool not(pal_bool value) { return !value; }
        pal_int8 small(pal_int8 value) { return value; }
        pal_int64 same(pal_int64 value) { return value; }
        pal_uint64 large(pal_uint64 value) { return value; }
        pal_float single(pal_float value) { return value; }
        pal_double number(pal_double value) { return value; }
        pal_bytes copy(pal_bytes value) { return value; }
        pal_string echo(pal_string value) { return value; }
        pal_int64 add(pal_int64 left, pal_int64 right) { return left + right; }
        pal_int64 count(void) { static pal_int64 calls; return ++calls; }
        void nothing(void) {}
        void fail(void) { pal_raise(PAL_STRING("out of \\x1b[31mluck"), 7); }
        void crash(void) { *(volatile int *)0 = 1; }
        void giveUp(void) { pal_abort(PAL_STRING("a secret")); }
        void spin(void) { for (;;) __asm__ volatile(""); }
        pal_uint64 loop(pal_uint64 rounds) {
            pal_uint64 i;
            for (i = 0; i < rounds; ++i) __asm__ volatile("");
            return i;
        }
        pal_string badText(void) { return (pal_string){"\\xff", 1}; }
        pal_bytes badPointer(void) { return (pal_bytes){(void *)16, 64}; }
        pal_string askHost(pal_string value) { return ask(value); }

        """
}
