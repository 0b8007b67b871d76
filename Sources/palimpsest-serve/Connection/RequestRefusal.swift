/// A request is not what HTTP allows: it is answered with what is wrong, and nothing behind it on its connection is
/// read.
struct RequestRefusal: Error {
    let problem: Problem
    /// An answer to HEAD has no body, this one neither.
    let isHead: Bool
}
