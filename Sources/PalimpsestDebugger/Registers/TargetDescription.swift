/// What the target is, in gdb's XML ("Debugging with GDB", appendix G): the standard features of an x86-64 processor.
enum TargetDescription {
    static func xml(hasAVX: Bool) -> String {
        """
        <?xml version="1.0"?>
        <!DOCTYPE target SYSTEM "gdb-target.dtd">
        <target version="1.0">
        <architecture>i386:x86-64</architecture>
        \(core)\(sse)\(segments)\(hasAVX ? avx : "")</target>
        """
    }

    private static func register(_ name: String, _ bits: Int, _ type: String, _ group: String? = nil) -> String {
        "<reg name=\"\(name)\" bitsize=\"\(bits)\" type=\"\(type)\"\(group.map { " group=\"\($0)\"" } ?? "")/>\n"
    }

    private static func feature(_ name: String, _ content: String) -> String {
        "<feature name=\"org.gnu.gdb.i386.\(name)\">\n\(content)</feature>\n"
    }

    private static var core: String {
        let general =
            ["rax", "rbx", "rcx", "rdx", "rsi", "rdi"].map { register($0, 64, "int64") }
            + ["rbp", "rsp"].map { register($0, 64, "data_ptr") } + (8..<16).map { register("r\($0)", 64, "int64") }
        let control =
            [register("rip", 64, "code_ptr"), register("eflags", 32, "int32")]
            + ["cs", "ss", "ds", "es", "fs", "gs"].map { register($0, 32, "int32") }
        let floating =
            (0..<8).map { register("st\($0)", 80, "i387_ext") }
            + FloatingPointControl.allCases.map { register("\($0)", 32, "int", "float") }
        return feature("core", (general + control + floating).joined())
    }

    private static var sse: String {
        let types = """
            <vector id="v4f" type="ieee_single" count="4"/>
            <vector id="v2d" type="ieee_double" count="2"/>
            <vector id="v16i8" type="int8" count="16"/>
            <vector id="v8i16" type="int16" count="8"/>
            <vector id="v4i32" type="int32" count="4"/>
            <vector id="v2i64" type="int64" count="2"/>
            <union id="vec128">
            <field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>
            <field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/>
            <field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/>
            <field name="uint128" type="uint128"/>
            </union>

            """
        let registers = (0..<16).map { register("xmm\($0)", 128, "vec128") } + [register("mxcsr", 32, "int", "vector")]
        return feature("sse", types + registers.joined())
    }

    private static var segments: String {
        feature("segments", register("fs_base", 64, "int") + register("gs_base", 64, "int"))
    }

    private static var avx: String {
        feature("avx", (0..<16).map { register("ymm\($0)h", 128, "uint128") }.joined())
    }
}
