// A guest in Swift whose functions fault where their callers, names and lines are known: see FaultReportTests.

struct Parser {
    var bytes: [UInt8]

    @inline(never)
    func element(_ index: Int) -> UInt8 {
        bytes[index]  // line: element
    }

    @inline(never)
    func header(_ index: Int) -> Int {
        Int(element(index)) + bytes.count  // line: header
    }
}

@inline(never)
func total(_ left: Int64, _ right: Int64) -> Int64 {
    left + right  // line: total
}

export("parse") { (bytes: [UInt8], index: Int) -> Int in
    Parser(bytes: bytes).header(index) + 1  // line: parse
}
export("sum") { (left: Int64, right: Int64) -> Int64 in
    total(left, right) ^ 1  // line: sum
}
