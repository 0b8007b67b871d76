import ToolSupport

/// Runs steps, times them, checks them, and prints each as soon as it is done.
///
/// The steps themselves are in `Demonstration+Tour.swift`.
struct Demonstration {
    private(set) var steps: [DemoStep] = []
    private let printsSteps: Bool
    private var section = ""

    init(printsSteps: Bool) { self.printsSteps = printsSteps }

    var hasPassed: Bool { !steps.isEmpty && steps.allSatisfy(\.hasPassed) }

    var verdict: String {
        let failures = steps.filter { !$0.hasPassed }.count
        return failures == 0
            ? Terminal.Style.green.apply(to: "All \(steps.count) steps went as expected.")
            : Terminal.Style.red.apply(to: "\(failures) of \(steps.count) steps did not go as expected.")
    }

    mutating func begin(section: String) {
        self.section = section
        if printsSteps { StandardOutput.write((steps.isEmpty ? "" : "\n") + Terminal.Style.bold.apply(to: section)) }
    }

    /// A step that has to give `expected`.
    mutating func step<Value: Equatable>(
        _ title: String, gives expected: Value, _ body: () throws -> Value
    ) {
        step(title) { () throws -> (Value, String?) in
            let value = try body()
            return (value, value == expected ? nil : "expected \(expected)")
        } describing: {
            "\($0)"
        }
    }

    /// A step that makes something the next ones need; nil if it failed.
    mutating func step<Value>(
        _ title: String, describing describe: (Value) -> String, making body: () throws -> Value
    ) -> Value? {
        step(title, { (try body(), nil) }, describing: describe)
    }

    /// A step that says itself what is wrong with its result, if anything.
    @discardableResult
    mutating func step<Value>(
        _ title: String, _ body: () throws -> (Value, complaint: String?), describing describe: (Value) -> String
    ) -> Value? {
        let clock = ContinuousClock()
        let start = clock.now
        let outcome = Result { try body() }
        let nanoseconds = (clock.now - start).nanoseconds
        let (result, complaint, value): (String, String?, Value?) =
            switch outcome {
            case .success((let value, let complaint)): (describe(value), complaint, value)
            case .failure(let error): ("\(error)", "expected no error", nil)
            }
        let step = DemoStep(
            section: section, title: title, result: result, complaint: complaint, nanoseconds: nanoseconds)
        steps.append(step)
        if printsSteps { StandardOutput.write(step.line) }
        return value
    }
}
