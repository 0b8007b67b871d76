@inline(never) @_optimize(none)
func weigh(_ text: String, _ factor: Int) -> Int {
    let length = text.utf8.count
    let weight = length * factor
    return weight
}

export("weight") { (text: String) -> Int in weigh(text, 3) }
