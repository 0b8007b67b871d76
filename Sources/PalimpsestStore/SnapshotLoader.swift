import Glibc
import GuestABI
import MicroVM
import Palimpsest
import SystemPackage

/// Makes a snapshot of a store's files: each layer opened once, mapped, and never copied.
struct SnapshotLoader {
    let directory: StoreDirectory
    let allowedFiles: Set<ByteName>

    /// - Throws: `SnapshotStoreError`: anything but what is about writing.
    func load(
        _ reference: SnapshotReference, verify: SnapshotVerification, prefetch: Bool
    ) throws(SnapshotStoreError) -> Snapshot {
        let entry = try directory.resolve(reference)
        do throws(SnapshotStoreError) {
            return try load(entry, verify: verify, prefetch: prefetch)
        } catch .blobMissing(let path) {
            // The tag may have moved meanwhile, and the old snapshot been pruned.
            let current = try directory.resolve(reference)
            guard current.digest != entry.digest else { throw .blobMissing(path: path) }
            return try load(current, verify: verify, prefetch: prefetch)
        }
    }

    private func load(
        _ entry: OCIDescriptor, verify: SnapshotVerification, prefetch: Bool
    ) throws(SnapshotStoreError) -> Snapshot {
        let manifest = try directory.snapshotManifest(entry)
        let config = try directory.snapshotConfig(manifest)
        let reader = SnapshotConfigReader(config: config, path: directory.name(manifest.config.digest))
        try reader.checkRequirements()
        try guardCopies()
        let layers = try layers(manifest.snapshotLayers)
        if verify == .digests { try BlobVerifier().verify(manifest, layers, in: directory) }
        let identities = try reader.files()
        let files = try mapFiles(identities)
        let layout = try reader.layout()
        let regions = try reader.regions(layout, identities)
        let pages = try reader.pageMap(layers + files, regions)
        let memory = MemoryImage(
            layout: layout, regions: regions, layers: layers + files, pages: pages, trusted: try trusted(),
            writeSet: try reader.writeSet(regions), hotPages: try reader.hotPages(regions))
        let program = GuestProgram(
            exports: try reader.exports(regions), symbols: try symbols(manifest),
            name: entry.tag ?? entry.digest.description)
        let snapshot = Snapshot(
            memory: memory, program: program, requiredHostFunctions: try reader.hostFunctions(),
            processor: try reader.processor())
        if prefetch { Prefetch.start(memory) }
        return snapshot
    }

    // MARK: - Layers

    private func layers(_ descriptors: [OCIDescriptor]) throws(SnapshotStoreError) -> [MemoryLayer] {
        var layers: [MemoryLayer] = []
        var place = GuestLayout.layersPhysical
        for descriptor in descriptors {
            let limit = GuestLayout.scratchPhysical - place
            guard descriptor.size <= limit else {
                throw .tooLarge(what: "bytes of layers", count: descriptor.size, limit: limit)
            }
            let layer = try LayerCache.shared.layer(descriptor, at: place, in: directory)
            layers.append(layer)
            place = layer.nextPlace
        }
        return layers
    }

    private func trusted() throws(SnapshotStoreError) -> SharedMemorySegment {
        do throws(MachineError) { return try TrustedLayer.shared() } catch { throw .machine(error) }
    }

    private func guardCopies() throws(SnapshotStoreError) {
        do throws(MachineError) { try CopyGuard.install() } catch { throw .machine(error) }
    }

    // MARK: - Symbols

    /// Opened now, read when a fault wants a name: the store may be gone by then.
    private func symbols(_ manifest: OCIManifest) throws(SnapshotStoreError) -> LazySymbols {
        guard let descriptor = manifest.symbols else {
            return LazySymbols(SymbolTable(SymbolRecords(bytes: [], format: .lines)))
        }
        let blob = SymbolsBlob(descriptor, try directory.open(descriptor))
        return LazySymbols(SymbolTable { blob.forEachPiece($0) })
    }

    // MARK: - Mapped files

    private func mapFiles(_ identities: [MappedFileIdentity]) throws(SnapshotStoreError) -> [MemoryLayer] {
        var layers: [MemoryLayer] = []
        var place = GuestLayout.filesPhysical
        for identity in identities {
            guard allowedFiles.contains(ByteName(identity.path)) else {
                throw .fileNotAllowed(file: GuestText.escaped(identity.path), path: directory.path)
            }
            guard identity.byteCount.roundedUpToPages <= GuestLayout.filesLimit - place else {
                throw .tooLarge(
                    what: "bytes of mapped files", count: identity.byteCount, limit: GuestLayout.filesLimit - place)
            }
            let layer = MemoryLayer(try map(identity), at: place, source: .mapped(identity))
            layers.append(layer)
            place = layer.nextPlace
        }
        return layers
    }

    private func map(_ identity: MappedFileIdentity) throws(SnapshotStoreError) -> SharedMemorySegment {
        let path = GuestText.escaped(identity.path)
        do throws(MappedFileIdentity.Failure) {
            let (found, segment) = try MappedFileIdentity.open(identity.path, hashing: nil)
            guard found.byteCount == identity.byteCount else {
                throw .unreadable(reason: "it had \(identity.byteCount) bytes, and has \(found.byteCount)")
            }
            if found.device != identity.device || found.inode != identity.inode || found.modified != identity.modified {
                guard let digest = identity.digest else {
                    throw .unreadable(reason: "it is another file, or has been modified, and it has no digest to go by")
                }
                guard try MappedFileIdentity.sha256(segment.descriptor, found.byteCount) == digest else {
                    throw .unreadable(reason: "its SHA-256 is not what it was")
                }
            }
            return segment
        } catch {
            switch error {
            case .machine(let error): throw .machine(error)
            case .unreadable(let reason): throw .mappedFileChanged(file: path, reason: reason)
            }
        }
    }
}
