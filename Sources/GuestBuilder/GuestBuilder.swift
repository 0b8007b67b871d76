import Foundation
import PackagePlugin

/// Compiles every folder in a target's `Guests` folder into a guest, `<folder>.elf`, among the target's resources:
///
///     Sources/MyHost/Guests/greeter/greeter.c   ->   Bundle.module.url(forResource: "greeter", withExtension: "elf")
///
/// List `Guests` in the target's `exclude`, so that SwiftPM does not compile the sources for the host too.
@main
struct GuestBuilder: BuildToolPlugin {
    private static let sourceKinds: Set = ["c", "S", "swift"]

    func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
        let guests = target.directoryURL.appending(path: "Guests")
        let folders = try? FileManager.default.contentsOfDirectory(
            at: guests, includingPropertiesForKeys: [.isDirectoryKey], options: [.skipsHiddenFiles]
        ).filter { $0.hasDirectoryPath }.sorted { $0.path < $1.path }
        guard let folders, !folders.isEmpty else {
            Diagnostics.error("\(target.name) uses GuestBuilder but has no folder in \(guests.path)")
            return []
        }
        let compiler = try context.tool(named: "guest-compiler").url
        return try folders.compactMap { try command($0, compiler, context.pluginWorkDirectoryURL) }
    }

    private func command(_ folder: URL, _ compiler: URL, _ work: URL) throws -> Command? {
        let name = folder.lastPathComponent
        let files = try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil, options: [.skipsHiddenFiles]
        ).sorted { $0.path < $1.path }
        let sources = files.filter { GuestBuilder.sourceKinds.contains($0.pathExtension) }
        guard !sources.isEmpty else {
            Diagnostics.warning("guest \(name) has no .c, .S or .swift file in \(folder.path)")
            return nil
        }
        let output = work.appending(path: name + ".elf")
        return .buildCommand(
            displayName: "Building guest \(name)", executable: compiler,
            arguments: ["-o", output.path] + sources.map(\.path), inputFiles: files, outputFiles: [output])
    }
}
