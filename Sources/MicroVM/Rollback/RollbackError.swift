/// Why pages could not be brought back. The sandbox's memory is then in no known state.
package enum RollbackError: Error {
    /// A mapped file is shorter than it was, or cannot be read.
    case fileUnreadable(reason: String)
    /// There is no ring for this process.
    case ringUnavailable(MachineError)
}
