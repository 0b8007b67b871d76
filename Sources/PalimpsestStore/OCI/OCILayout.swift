/// `oci-layout`: marks a folder as an OCI image layout (image-spec, image-layout.md, "oci-layout file").
struct OCILayout: Codable, Equatable, Sendable {
    var imageLayoutVersion = "1.0.0"

    static let fileName = "oci-layout"
}
