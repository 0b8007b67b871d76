import Foundation
import GuestToolchain
import Palimpsest
import TestSupport
import Testing

@Suite("What guests can be built with")
struct GuestToolchainTests {
    /// A guest of sources by their names.
    private func build(_ sources: KeyValuePairs<String, String>) throws -> [UInt8] {
        let folder = TemporaryFile.freePath()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, text) in sources { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
        try GuestCompiler().build(sources: sources.map { "\(folder)/\($0.key)" }, output: "\(folder)/guest.elf")
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/guest.elf")))
    }

    private func sandbox(_ sources: KeyValuePairs<String, String>) throws -> Sandbox {
        try Sandbox(guest: .bytes(build(sources)))
    }

    /// What a person is told of a guest that cannot be built.
    private func refusal(_ name: String, _ text: String) throws -> String {
        do {
            _ = try build([name: text])
        } catch let error as GuestBuildError {
            return error.description
        }
        Issue.record("\(name) was built")
        return ""
    }

    // MARK: - Thread-local variables

    @Test("thread-local variables begin as they were written, keep what they are given, and are rolled back")
    func threadLocal() throws {
        let sandbox = try sandbox([
            "guest.c": """
            #include "palimpsest.h"
            PALIMPSEST_EXPORT(int64, next);
            PALIMPSEST_EXPORT(int64, other, int64);
            PALIMPSEST_EXPORT(uint64, misplaced);
            static _Thread_local int n;
            static __thread long many[1000] = {[3] = 30};
            static thread_local _Alignas(4096) char page[5000] = "p";
            extern _Thread_local pal_int64 shared;
            pal_int64 *address(void);
            __attribute__((constructor)) static void begin(void) { n = 100; }
            pal_int64 next(void) { return ++n; }
            pal_int64 other(pal_int64 by) {
                static _Thread_local short local = 7;
                local++;
                shared += by;
                return local * 1000000 + many[3]++ * 1000 + many[999] + page[0] + shared + (address() == &shared);
            }
            pal_uint64 misplaced(void) { return (pal_uint64)page % 4096; }
            """,
            "other.c": """
            #include <stdint.h>
            _Thread_local int64_t shared = 5;
            int64_t *address(void) { return &shared; }
            """,
        ])
        let snapshot = try sandbox.snapshot()
        for _ in 0..<2 {
            #expect(try sandbox.call("next") as Int64 == 101)
            #expect(try sandbox.call("next") as Int64 == 102)
            #expect(try sandbox.call("other", 2 as Int64) as Int64 == 8_030_000 + 112 + 7 + 1)
            #expect(try sandbox.call("other", 2 as Int64) as Int64 == 9_031_000 + 112 + 9 + 1)
            #expect(try sandbox.call("misplaced") as UInt64 == 0)
            try sandbox.restore(snapshot)
        }
    }

    @Test("thread-local variables of assembly code, which have no place, are refused in words")
    func threadLocalAssembly() throws {
        let text = try refusal(
            "guest.c",
            """
            #include "palimpsest.h"
            PALIMPSEST_EXPORT(int32, f);
            __asm__(".text\\nf: movl %fs:v@tpoff, %eax\\nret\\n.section .tdata, \\"awT\\", @progbits\\nv: .long 3\\n");
            """)
        #expect(text.contains("thread-local variables of assembly code are not supported"))
    }

    @Test("a thread-local variable that nothing defines is named as it is written")
    func threadLocalUndefined() throws {
        let text = try refusal(
            "guest.c",
            """
            #include "palimpsest.h"
            PALIMPSEST_EXPORT(int32, f);
            extern _Thread_local int other;
            int f(void) { return other; }
            """)
        #expect(text.contains("the guest uses other, which"), "\(text)")
    }

    // MARK: - The compiler's runtime

    @Test("what compilers leave to their runtime is there: wide integers, half precision, complex and atomic variables")
    func compilerRuntime() throws {
        let sandbox = try sandbox([
            "guest.c": """
            #include "palimpsest.h"
            typedef unsigned __int128 wide;
            PALIMPSEST_EXPORT(string, divide, uint64, uint64, uint64, uint64);
            static void put(char **to, wide number) {
                char digits[40];
                int count = 0;
                do digits[count++] = '0' + (char)(number % 10); while (number /= 10);
                while (count) *(*to)++ = digits[--count];
                *(*to)++ = ' ';
            }
            pal_string divide(pal_uint64 a, pal_uint64 b, pal_uint64 c, pal_uint64 d) {
                static char text[400];
                char *to = text;
                wide left = (wide)a << 64 | b, right = (wide)c << 64 | d, product;
                put(&to, left / right);
                put(&to, left % right);
                put(&to, (wide)(-(__int128)(left >> 1) / (__int128)(right >> 1)));
                put(&to, (wide)__builtin_mul_overflow((__int128)left, (__int128)right, (__int128 *)&product));
                return (pal_string){text, (size_t)(to - text)};
            }
            PALIMPSEST_EXPORT(double, floats, double, int32);
            double floats(double x, pal_int32 n) {
                _Complex double z = x + 2.0i, w = z / (z * z + 1);
                _Complex long double l = z / (_Complex long double)w;
                _Float16 half = (_Float16)x;
                return __real__ w + (double)__imag__ l + (double)half + (double)(wide)(x * 0x1p70) / 0x1p70
                    + (float)(__int128)-n + __builtin_powi(x, n) + (double)__builtin_powil(x, n);
            }
            #pragma clang diagnostic ignored "-Watomic-alignment"
            struct triple { long a, b, c; };
            static _Atomic(struct triple) triple;
            static _Atomic(wide) counter;
            PALIMPSEST_EXPORT(uint64, atomics, uint64);
            pal_uint64 atomics(pal_uint64 by) {
                struct triple wanted = {(long)by, 2, 3}, old = triple, before = old;
                _Bool done = __c11_atomic_compare_exchange_strong(&triple, &old, wanted, 5, 5);
                _Bool again = __c11_atomic_compare_exchange_strong(&triple, &before, wanted, 5, 5);
                old = __c11_atomic_exchange(&triple, old, 5);
                counter += by;
                counter ^= (wide)1 << 64;
                return (pal_uint64)done * 1000 + again * 100 + (pal_uint64)(before.a + old.b)
                    + (pal_uint64)(counter >> 64);
            }
            """
        ])
        var random = SplitMix(state: 128)
        for round in 0..<50 {
            let words = (0..<4).map { _ in UInt64.random(in: 0 ... .max, using: &random) >> UInt64(round) }
            let left = UInt128(words[0]) << 64 | UInt128(words[1])
            let right = (round % 3 == 0 ? 0 : UInt128(words[2]) << 64) | UInt128(words[3] | 2)
            let quotient = UInt128(truncatingIfNeeded: -Int128(left >> 1) / Int128(right >> 1))
            let overflows = Int128(truncatingIfNeeded: left)
                .multipliedReportingOverflow(by: Int128(truncatingIfNeeded: right)).overflow
            let found: String = try sandbox.call(
                "divide", words[0], words[1], UInt64(right >> 64), UInt64(truncatingIfNeeded: right))
            #expect(found == "\(left / right) \(left % right) \(quotient) \(overflows ? 1 : 0) ")
        }
        // z = 3 + 2i: w = z / (z^2 + 1) = z / (6 + 12i) = (42 - 24i) / 180; z / w = 6 + 12i.
        let expected = 42.0 / 180 + 12 + 3 + 3 - 4 + 81 + 81
        #expect(abs(try sandbox.call("floats", 3.0, 4 as Int32) as Double - expected) < 1e-9)
        #expect(try sandbox.call("atomics", 7 as UInt64) as UInt64 == 1000 + 7 + 2 + 1)
    }

    @Test("a guest's own functions of the names that the runtime has take their place")
    func ownFunctions() throws {
        let sandbox = try sandbox([
            "guest.c": """
            #include "palimpsest.h"
            PALIMPSEST_EXPORT(double, f, double);
            double round(double x) { return x + 1000; }
            double fma(double x, double y, double z) { return x + y + z; }
            double strtod(const char *text, char **end) { return text[0]; }
            double f(double x) { return round(x) + fma(x, x, x) + strtod("a", 0); }
            """
        ])
        #expect(try sandbox.call("f", 2.0) as Double == 1002 + 6 + 97)
    }

    // MARK: - Swift's numbers

    private static let swiftGuest = """
        func bytes<Number>(_ number: Number) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }

        func all(_ text: String, _ read: (Substring) -> [UInt8]) -> [UInt8] {
            text.split(separator: "\\n", omittingEmptySubsequences: false).flatMap(read)
        }

        export("doubles") { (text: String) -> [UInt8] in
            all(text) { bytes(Double($0)?.bitPattern ?? 1) + bytes(Double(String($0))?.bitPattern ?? 1) }
        }
        export("floats") { (text: String) -> [UInt8] in all(text) { bytes(Float($0)?.bitPattern ?? 1) } }
        export("halves") { (text: String) -> [UInt8] in all(text) { bytes(Float16($0)?.bitPattern ?? 1) } }
        export("written") { (number: Double) -> String in "\\(number) \\(Float(number)) \\(Float16(number)) \\(number / 3)" }
        export("wide") { (left: UInt64, right: UInt64) -> String in
            let number = UInt128(left) << 64 | UInt128(right)
            return "\\(number / (UInt128(right) | 3)) \\(number % 1_000_003) \\(Int128(left) * -5)"
        }
        export("calculated") { (x: Double, y: Double) -> [UInt8] in
            let one: [Double] = [
                x.addingProduct(y, x), x.truncatingRemainder(dividingBy: y), x.remainder(dividingBy: y) + 0,
                x.rounded(),
                x.rounded(.up), x.rounded(.down), x.rounded(.towardZero), x.rounded(.toNearestOrEven),
                x.rounded(.awayFromZero), x.magnitude.squareRoot(),
            ]
            let (a, b) = (Float(x), Float(y))
            let other: [Float] = [
                a.addingProduct(b, a), a.truncatingRemainder(dividingBy: b), a.remainder(dividingBy: b) + 0,
                a.rounded(),
                a.rounded(.toNearestOrEven), a.magnitude.squareRoot(),
            ]
            return one.flatMap { bytes($0.isNaN ? 1 : $0.bitPattern) }
                + other.flatMap { bytes($0.isNaN ? 1 : $0.bitPattern) }
        }
        """

    private func bytes<Number>(_ number: Number) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }

    private static let strangeNumbers = [
        "", "0", "-0", "+0", "+", "-", ".", "e5", "1e", "1e+", "1.", ".5", "5.e3", "1e5x", "0x", "0x1", "0x.8",
        "0x1.8p3",
        "0x1p", "0xp1", "0x.", "inf", "INF", "-infinity", "infinit", "nan", "-nan", "nan(", "nan()", "nan(123)", " 1",
        "1 ", "1_0", "1e400", "-1e400", "1e-400", "0e99999999999999999999", "1e-99999999999999999999",
        "4.9406564584124654e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623157e308",
        "1.7976931348623158e308", "1.7976931348623159e308", "9007199254740993", "9007199254740992.9999999999999999999",
        "9007199254740993.0000000000000000000000000000000000000000000000000000000001", "0x1.fffffffffffff8p0",
        "0x1.fffffffffffff7fffp0", "0x1p-1074", "0x1p-1075", "0x1.0000001p-1075", "0x1p1024", "3.4028235677973366e38",
        "7.006492321624085e-46", "65519.99", "65520", "2.98023223876953125e-8", "5.960464477539063e-8", "1..2", "--1",
        "0X1P3", "snan", "0." + String(repeating: "0", count: 98) + "1e99",
    ]

    @Test("Swift reads and writes numbers, and calculates with them, as it does on the host: to the last bit")
    func swiftNumbers() throws {
        let sandbox = try sandbox(["main.swift": GuestToolchainTests.swiftGuest])
        #expect(try sandbox.call("wide", 3 as UInt64, 8 as UInt64) as String == wide(3, 8))

        var random = SplitMix(state: 754)
        var texts = GuestToolchainTests.strangeNumbers
        for _ in 0..<3000 {
            let number = Double(bitPattern: .random(in: 0 ... .max, using: &random))
            let digits = Int.random(in: 0...30, using: &random)
            let small = Double.random(in: -70_000...70_000, using: &random)
            texts += ["\(number)", String(format: "%.\(digits)e", number), String(format: "%a", number), "\(small)"]
            // Half way between two, and beside that.
            let half = String(format: "%.60f", (small + small.nextUp) / 2 - small) + "\(digits)"
            texts += [half, String(format: "%.\(digits)f", small) + String(repeating: "5", count: digits)]
        }
        for start in stride(from: 0, to: texts.count, by: 500) {
            let some = texts[start..<min(start + 500, texts.count)]
            let text = some.joined(separator: "\n")
            let doubles = try sandbox.call("doubles", text) as [UInt8]
            #expect(doubles == some.flatMap { bytes(Double($0)?.bitPattern ?? 1) + bytes(Double($0)?.bitPattern ?? 1) })
            #expect(try sandbox.call("floats", text) as [UInt8] == some.flatMap { bytes(Float($0)?.bitPattern ?? 1) })
        }
        for start in stride(from: 0, to: 65_536 as Int, by: 512) {
            let some = (start..<start + 512).map { Float16(bitPattern: UInt16($0)) }.filter { !$0.isNaN }
            let text = some.map { "\($0)" }.joined(separator: "\n")
            if some.isEmpty { continue }
            #expect(try sandbox.call("halves", text) as [UInt8] == some.flatMap { bytes($0.bitPattern) })
        }
    }

    @Test("Swift's remainders, roundings and fused products are the host's, to the last bit")
    func swiftCalculations() throws {
        let sandbox = try sandbox(["main.swift": GuestToolchainTests.swiftGuest])
        var random = SplitMix(state: 854)
        let special = [
            0, -0.0, 0.5, -0.5, 1.5, 2.5, .infinity, -.infinity, .leastNonzeroMagnitude, 1e308, 0.49999999999999994,
        ]
        for round in 0..<600 {
            func number() -> Double {
                switch round % 4 {
                case 0: special.randomElement(using: &random) ?? 0
                case 1: Double(bitPattern: .random(in: 0 ... .max, using: &random))
                default: Double.random(in: -1000...1000, using: &random) * (round % 8 == 3 ? 0x1p-1020 : 1)
                }
            }
            let (x, y) = (number(), number())
            let found = try sandbox.call("calculated", x, y) as [UInt8]
            let expected = calculated(x, y)
            #expect(found == expected, "\(x), \(y)")
            if !x.isNaN {
                #expect(try sandbox.call("written", x) as String == "\(x) \(Float(x)) \(Float16(x)) \(x / 3)")
            }
        }
    }

    private func wide(_ left: UInt64, _ right: UInt64) -> String {
        let number = UInt128(left) << 64 | UInt128(right)
        return "\(number / (UInt128(right) | 3)) \(number % 1_000_003) \(Int128(left) * -5)"
    }

    /// As the guest does it. A NaN is as good as any other; so is the sign of a remainder of zero, in which C libraries
    /// differ.
    private func calculated(_ x: Double, _ y: Double) -> [UInt8] {
        let one: [Double] = [
            x.addingProduct(y, x), x.truncatingRemainder(dividingBy: y), x.remainder(dividingBy: y) + 0,
            x.rounded(),
            x.rounded(.up), x.rounded(.down), x.rounded(.towardZero), x.rounded(.toNearestOrEven),
            x.rounded(.awayFromZero), x.magnitude.squareRoot(),
        ]
        let (a, b) = (Float(x), Float(y))
        let other: [Float] = [
            a.addingProduct(b, a), a.truncatingRemainder(dividingBy: b), a.remainder(dividingBy: b) + 0,
            a.rounded(),
            a.rounded(.toNearestOrEven), a.magnitude.squareRoot(),
        ]
        return one.flatMap { bytes($0.isNaN ? 1 : $0.bitPattern) }
            + other.flatMap { bytes($0.isNaN ? 1 : $0.bitPattern) }
    }

    // MARK: - What there is not

    @Test("a guest that wants a C library is told that there is none, what it wanted, and what to do")
    func noCLibrary() throws {
        let function = try refusal(
            "guest.c",
            """
            #include "palimpsest.h"
            PALIMPSEST_EXPORT(double, f, double);
            double pow(double, double), cos(double);
            int printf(const char *, ...);
            double f(double x) { return printf("%f", x) + pow(x, cos(pow(x, 2))); }
            """)
        for part in ["the guest uses ", "printf", "pow", "cos", "no C library", "palimpsest.h", "host function"] {
            #expect(function.contains(part), "\(function)")
        }
        for header in ["math.h", "stdio.h", "sys/mman.h", "inttypes.h"] {
            let text = try refusal("guest.c", "#include <\(header)>\n#include \"palimpsest.h\"\n")
            #expect(text.contains("the guest includes <\(header)>. Guests have no C library"), "\(text)")
        }
        let own = try refusal("guest.c", "#include \"own.h\"\n")
        #expect(!own.contains("C library") && own.contains("'own.h' file not found"))
        for module in ["Foundation", "Glibc", "_Concurrency"] {
            let text = try refusal("main.swift", "import \(module)\n")
            #expect(text.contains("the guest imports \(module). Guests are Embedded Swift"), "\(text)")
        }
    }
}
