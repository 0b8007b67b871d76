import Foundation
import Testing

/// A guest with a function for everything `palimpsest call` can run into, built once by `palimpsest build`.
struct TestGuest {
    let path: String
    let build: Tool.Outcome
    private let scratch: Scratch

    static let shared = Result { try TestGuest() }

    private init() throws {
        scratch = try Scratch()
        let source = try scratch.file("guest.c", TestGuest.source)
        path = scratch.url.appendingPathComponent("guest.elf").path
        build = try Tool.run("build", source.path, "-o", path, "--json")
        try #require(build.status == 0, "building the test guest failed: \(build.output)\(build.errors)")
    }

    private static let source = """
        #include "palimpsest.h"
        PALIMPSEST_EXPORT(bool, not, bool);
        PALIMPSEST_EXPORT(int8, small, int8);
        PALIMPSEST_EXPORT(uint64, large, uint64);
        PALIMPSEST_EXPORT(double, half, double);
        PALIMPSEST_EXPORT(bytes, same, bytes);
        PALIMPSEST_EXPORT(string, echo, string);
        PALIMPSEST_EXPORT(int64, subtract, int64, int64);
        PALIMPSEST_EXPORT(int64, count);
        PALIMPSEST_EXPORT(void, say, string);
        PALIMPSEST_EXPORT(void, fail);
        PALIMPSEST_EXPORT(void, crash);
        PALIMPSEST_EXPORT(void, spin);
        PALIMPSEST_EXPORT(string, askHost, string);
        PALIMPSEST_IMPORT(string, ask, string);
        pal_bool not(pal_bool value) { return !value; }
        pal_int8 small(pal_int8 value) { return value; }
        pal_uint64 large(pal_uint64 value) { return value; }
        pal_double half(pal_double value) { return value / 2; }
        pal_bytes same(pal_bytes value) { return value; }
        pal_string echo(pal_string value) { return value; }
        pal_int64 subtract(pal_int64 left, pal_int64 right) { return left - right; }
        pal_int64 count(void) { static pal_int64 calls; return ++calls; }
        void say(pal_string value) { pal_log(PAL_LOG_NOTICE, value); }
        void fail(void) { pal_raise(PAL_STRING("out of \\x1b[31mluck"), 7); }
        void crash(void) { *(volatile int *)0 = 1; }
        void spin(void) { for (;;) __asm__ volatile(""); }
        pal_string askHost(pal_string value) { return ask(value); }

        """
}
