extension Array {
    /// Where the elements end that lie before something sought, in an array that has all of those first: the number of
    /// elements if all do.
    @inlinable
    package func endIndex(ofPrefixWhere isBefore: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
