import Glibc

/// Host memory to copy and fill as a rollback would, without anything around it.
final class PageFloor {
    private let source: UnsafeMutableRawPointer
    private let target: UnsafeMutableRawPointer
    private let pageCount: Int
    private let stride: Int
    private let byteCount: Int

    /// - Parameter stride: from one page to the next, in pages.
    init(pageCount: Int, stride: Int) {
        self.pageCount = pageCount
        self.stride = stride * 4096
        byteCount = pageCount * stride * 4096
        source = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
        target = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
        memset(source, 1, byteCount)
        memset(target, 2, byteCount)
    }

    deinit {
        munmap(source, byteCount)
        munmap(target, byteCount)
    }

    /// One call for neighbours, as a rollback does.
    func copy() {
        if stride == 4096 {
            memcpy(target, source, byteCount)
        } else {
            for page in 0..<pageCount { memcpy(target + page * stride, source + page * stride, 4096) }
        }
    }

    func fill() {
        if stride == 4096 {
            memset(target, 0, byteCount)
        } else {
            for page in 0..<pageCount { memset(target + page * stride, 0, 4096) }
        }
    }
}
