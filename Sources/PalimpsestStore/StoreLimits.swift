import MicroVM

/// How much a store may ask a reader to read or keep. What is beyond is refused before any of it is read.
enum StoreLimits {
    // Bytes of files.
    static let layoutByteCount = 4 << 10
    static let indexByteCount = 4 << 20
    /// What registries accept (distribution-spec, "Pushing Manifests").
    static let manifestByteCount = 4 << 20
    static let configByteCount = 16 << 20
    static let symbolsByteCount = 64 << 20
    /// What the guest-physical map has for all layers.
    static let layersByteCount = GuestLayout.scratchPhysical - GuestLayout.layersPhysical

    // Values in files, names of fields included, whatever they are: several times what the largest of this engine's
    // have. Others may have fields of their own.
    static let layoutValueCount = 1 << 10
    static let indexValueCount = 1 << 19
    static let manifestValueCount = 1 << 19
    static let configValueCount = 1 << 17

    // Things in a config.
    static let layerCount = 64
    static let regionCount = 256
    static let runCount = 1 << 20
    static let hostFunctionCount = 1 << 12
    static let pathByteCount = 4096
}
