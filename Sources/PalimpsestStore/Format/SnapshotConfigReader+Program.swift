import CPalimpsest
import GuestABI
import MicroVM
import Palimpsest

/// Exports, host functions and files.
extension SnapshotConfigReader {
    func exports(_ regions: RegionMap) throws(SnapshotStoreError) -> [GuestExport] {
        guard (1...Int(PAL_MAX_EXPORTS)).contains(config.exports.count) else {
            throw invalid("exports", "expected 1 to \(PAL_MAX_EXPORTS), found \(config.exports.count)")
        }
        var exports: [GuestExport] = []
        var names: Set<ByteName> = []
        for (index, export) in config.exports.enumerated() {
            let field = "exports[\(index)]"
            try checkName(export.name, field)
            guard GuestText.escaped(export.name).hasBytes(of: export.name) else {
                throw invalid(field + ".name", "it has control characters")
            }
            guard names.insert(ByteName(export.name)).inserted else {
                throw invalid(field + ".name", "it is there twice")
            }
            let function = GuestVirtualAddress(rawValue: export.function.value)
            guard regions.mapping(at: function)?.region.label == .code else {
                throw invalid(field + ".function", "\(function) is not code")
            }
            exports.append(
                GuestExport(
                    name: export.name, signature: try signature(export.signature, field), index: index,
                    function: export.function.value, context: export.context.value))
        }
        return exports
    }

    func hostFunctions() throws(SnapshotStoreError) -> [HostFunctionRequirement] {
        guard config.hostFunctions.count <= StoreLimits.hostFunctionCount else {
            throw invalid(
                "hostFunctions",
                "expected at most \(StoreLimits.hostFunctionCount), found \(config.hostFunctions.count)")
        }
        var functions: [HostFunctionRequirement] = []
        var names: Set<ByteName> = []
        for (index, function) in config.hostFunctions.enumerated() {
            let field = "hostFunctions[\(index)]"
            try checkName(function.name, field)
            guard names.insert(ByteName(function.name)).inserted else {
                throw invalid(field + ".name", "it is there twice")
            }
            functions.append(.init(name: function.name, signature: try signature(function.signature, field)))
        }
        return functions
    }

    private func checkName(_ name: String, _ field: String) throws(SnapshotStoreError) {
        guard (1...Int(PAL_MAX_NAME_BYTES)).contains(name.utf8.count) else {
            throw invalid(field + ".name", "expected 1 to \(PAL_MAX_NAME_BYTES) bytes, found \(name.utf8.count)")
        }
    }

    private func signature(_ text: String, _ field: String) throws(SnapshotStoreError) -> GuestSignature {
        guard let signature = GuestSignature(codes: Array(text.utf8)) else {
            throw invalid(field + ".signature", "expected the ABI's characters for a result and up to 12 arguments")
        }
        return signature
    }

    /// What the files were when they were mapped.
    func files() throws(SnapshotStoreError) -> [MappedFileIdentity] {
        guard config.files.count <= MappedFileIdentity.maximumCount else {
            throw invalid("files", "expected at most \(MappedFileIdentity.maximumCount), found \(config.files.count)")
        }
        var files: [MappedFileIdentity] = []
        for (index, file) in config.files.enumerated() {
            let field = "files[\(index)]"
            guard (1...StoreLimits.pathByteCount).contains(file.path.utf8.count), !file.path.utf8.contains(0) else {
                throw invalid(field + ".path", "expected 1 to \(StoreLimits.pathByteCount) bytes, none of them zero")
            }
            guard (1...MappedFileIdentity.maximumByteCount).contains(file.byteCount) else {
                throw invalid(field + ".byteCount", "expected 1 to \(MappedFileIdentity.maximumByteCount)")
            }
            files.append(
                MappedFileIdentity(
                    path: file.path, byteCount: file.byteCount, device: file.device.value, inode: file.inode.value,
                    modified: file.modified, digest: file.digest?.bytes))
        }
        return files
    }
}

extension BlobDigest {
    /// The 32 bytes.
    var bytes: [UInt8] {
        let (zero, ten) = (UInt8(ascii: "0"), UInt8(ascii: "a"))
        let digits = hexadecimal.utf8.map { $0 < ten ? $0 - zero : $0 - ten + 10 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
