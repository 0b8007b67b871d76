import GuestToolchain

extension ToolError {
    /// What a failed build means for the tool. The compilers' own output is part of the message.
    init(_ error: GuestBuildError) {
        self.init(.guestFailed, kind: "build", error.description)
    }
}
