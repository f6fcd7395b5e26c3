/// Weights of PyTorch's public definitions, in safetensors files as `safetensors.torch.save_file` writes them.
public enum TorchWeights {
    /// Makes the network that a definition describes, with the weights of a state dict.
    ///
    /// Components "module" of the tensors' names, which `DataParallel` adds, and tensors "num_batches_tracked" are passed
    /// over. The number of classes is the file's.
    ///
    /// - Parameters:
    ///   - path: of the file.
    ///   - name: of the model.
    ///   - choices: of the model; nil for its usual ones. Its definition is the file's where that is nil: the one of
    ///     ``ModelName/torchDefinitions`` or the model's own with whose tensors the file's agree best.
    ///   - imageShape: nil for the definition's usual one.
    ///   - normalization: what pixels in [0, 1] go through before the network, such as ``PixelStatistics``.
    /// - Returns: the network, for batches of one image (``Network/copy(batchSize:threads:exactConvolutions:group:)`` makes one for
    ///   larger ones), and the definition.
    /// - Throws: what is wrong with the file's first tensor that is missing, left over, of another shape or of a type that
    ///   is not read.
    public static func network(
        contentsOf path: String, _ name: ModelName, choices: ModelChoices? = nil,
        imageShape: ImageShape? = nil,
        normalizedBy normalization: (any Preprocessing)? = nil
    ) throws(SparringError) -> (network: Network, definition: TorchDefinition) {
        let stored = try StoredTensors(contentsOf: path)
        let model = DefinedModel(name: name, choices: choices)
        let layout = try model.layout(nearest: stored, imageShape: imageShape)
        let network = try model.network(
            layout.definition, imageShape: imageShape, classes: stored.classes(layout.tensors) ?? 10,
            normalizedBy: normalization)
        var remaining = layout.tensors[...]
        let names = try network.parameters.map { parameter in
            parameter.isWeight ? remaining.popFirst().map { stored.name(of: $0.name) } : nil
        }
        do throws(SparringError) {
            try network.loadTensors(from: path, names: names)
        } catch {
            throw SparringError(
                error.kind, "\(error.message), as \(layout.definition.name) defines \(name.rawValue)")
        }
        for (parameter, order) in try network.channelOrders(of: layout.definition) {
            try network.setValues(
                order.gather(network.values(of: parameter.name)), of: parameter.name)
        }
        return (network, layout.definition)
    }

    /// Writes a network's weights as a definition's state dict. Biases that the definition has and the network lacks are
    /// zeros; a normalization of pixels and the training state stay out.
    ///
    /// - Parameters:
    ///   - network: one of the model, with any dropout and normalization.
    ///   - path: of the file, which takes the place of what is there.
    ///   - name: of the model.
    ///   - choices: of the model; nil for its usual ones. Its definition may be nil where one alone fits.
    /// - Returns: the definition, and the biases that the network lacks.
    /// - Throws: when no definition fits, with the first tensor that does not, or more than one does.
    public static func save(
        _ network: Network, to path: String, _ name: ModelName, choices: ModelChoices? = nil
    ) throws(SparringError) -> (definition: TorchDefinition, zeros: [String]) {
        let model = DefinedModel(name: name, choices: choices)
        let (layout, sources) = try model.layout(of: network)
        let target = layout.network
        let orders = try target.channelOrders(of: layout.definition)
        var zeros: [String] = []
        for ((parameter, source), tensor) in zip(zip(layout.parameters, sources), layout.tensors) {
            var values = [Float](repeating: 0, count: parameter.count)
            if let source { values = try network.values(of: source) } else { zeros.append(tensor.name) }
            for (ordered, order) in orders where ordered == parameter { values = order.scatter(values) }
            try target.setValues(values, of: parameter.name)
        }
        try target.saveTensors(to: path, names: layout.tensors.map(\.name))
        return (layout.definition, zeros)
    }
}

// MARK: - Files

/// The tensors of a file, by their names without the components that wrappers of modules add.
private struct StoredTensors {
    private let tensors: [String: Network.StoredTensor]

    init(contentsOf path: String) throws(SparringError) {
        let named = try Network.tensors(of: path).map { tensor in
            let components = tensor.name.split(separator: ".", omittingEmptySubsequences: false)
            return (components.filter { $0 != "module" }.joined(separator: "."), tensor)
        }
        tensors = Dictionary(named, uniquingKeysWith: { first, _ in first })
    }

    /// What the file calls a tensor; the same where it has none.
    func name(of tensor: String) -> String { tensors[tensor]?.name ?? tensor }

    /// How many tensors of a definition the file lacks, less how many it has with their shapes. Of the last layer the
    /// weights alone count, whose rows are the classes.
    func disagreement(with layout: [Network.StoredTensor]) -> Int {
        let classes = classes(layout)
        return layout.dropLast().enumerated().reduce(0) { sum, tensor in
            guard let found = tensors[tensor.element.name] else { return sum + 1 }
            let isLast = tensor.offset == layout.count - 2
            return sum - ((isLast ? classes != nil : found.shape == tensor.element.shape) ? 1 : 0)
        }
    }

    /// The rows of the last layer's weights, where these are as wide as a definition's and have a type whose bytes were
    /// checked.
    func classes(_ layout: [Network.StoredTensor]) -> Int? {
        guard let expected = layout.dropLast().last, let found = tensors[expected.name],
            ["F16", "BF16", "F32", "F64"].contains(found.type), expected.shape.count == 2,
            found.shape.count == 2, found.shape[1] == expected.shape[1]
        else { return nil }
        return found.shape[0]
    }
}

// MARK: - Definitions

/// A network without dropout as a definition has it, and what that calls its tensors, one for each parameter.
private struct TorchLayout {
    let definition: TorchDefinition
    let network: Network
    let parameters: [Network.Parameter]
    let tensors: [Network.StoredTensor]

    init(_ definition: TorchDefinition, _ network: Network) throws(SparringError) {
        (self.definition, self.network, parameters) = (definition, network, try network.parameters)
        tensors = parameters.map {
            Network.StoredTensor(name: definition.tensor(of: $0.name), type: "F32", shape: $0.shape)
        }
    }

    /// The parameters whose values those of this layout get, nil for biases that are missing.
    ///
    /// Layers agree in their order. Their names need not, as they count layers of dropout too.
    func sources(in weights: [Network.Parameter]) throws(SparringError) -> [String?] {
        var remaining = weights[...]
        var sources: [String?] = []
        for (parameter, tensor) in zip(parameters, tensors) {
            let source = remaining.first
            if let source, source.shape == parameter.shape, source.part == parameter.part {
                sources.append(source.name)
                remaining.removeFirst()
            } else if parameter.part == "bias", source?.part != "bias" {
                sources.append(nil)
            } else {
                throw unfit("\(tensor.name) \(tensor.shape)", source.map { "\($0.name) \($0.shape)" })
            }
        }
        if let left = remaining.first { throw unfit("nothing", "\(left.name) \(left.shape)") }
        return sources
    }

    /// Throws where another network does not do what this one does with the same parameters, such as pooling fewer pixels.
    func checkLayers(of other: Network) throws(SparringError) {
        func layers(_ network: Network) throws(SparringError) -> [String] {
            let passedOver: Set = ["dropout", "normalize", "perturb", "whiten"]
            return try network.layers.filter { !passedOver.contains($0.kind) }.map {
                "\($0.kind) of \($0.outputShape)"
            }
        }
        let (wanted, found) = (try layers(network), try layers(other))
        for (index, layer) in wanted.enumerated() where index >= found.count || layer != found[index] {
            throw unfit(layer, index < found.count ? found[index] : nil)
        }
    }

    private func unfit(_ wanted: String, _ found: String?) -> SparringError {
        SparringError(
            .shape,
            "\(definition.name)'s definition has \(wanted) where the network has \(found ?? "nothing")")
    }
}

/// A model whose definition is given, or is to be found.
private struct DefinedModel {
    let name: ModelName
    let choices: ModelChoices?

    func network(
        _ definition: TorchDefinition, imageShape: ImageShape?, classes: Int, hasDropout: Bool = true,
        normalizedBy normalization: (any Preprocessing)? = nil
    ) throws(SparringError) -> Network {
        var spec = ModelSpec(name, classes: classes, imageShape: imageShape ?? definition.imageShape)
        if let choices { spec.choices = choices }
        spec.choices?.definition = definition.name
        if !hasDropout, spec.choices?.dropout != nil { spec.choices?.dropout = Dropout() }
        return try Network(spec.model(), input: spec.imageShape, normalizedBy: normalization, batchSize: 1)
    }

    private func layout(
        _ definition: TorchDefinition, _ imageShape: ImageShape?, classes: Int
    ) throws(SparringError) -> TorchLayout {
        try TorchLayout(
            definition,
            network(definition, imageShape: imageShape, classes: classes, hasDropout: false))
    }

    /// What the file's tensors agree with best. Small images, where they are usual, make small dense layers.
    func layout(nearest stored: StoredTensors, imageShape: ImageShape?) throws(SparringError) -> TorchLayout {
        let all = name.torchDefinitions + [try name.torchDefinition(TorchDefinition.ownName)]
        var nearest: (layout: TorchLayout, disagreement: Int)?
        var failure: SparringError?
        for definition in try choices?.definition.map(known) ?? all {
            do throws(SparringError) {
                let layout = try layout(definition, imageShape ?? name.usualInput, classes: 2)
                let disagreement = stored.disagreement(with: layout.tensors)
                if disagreement < nearest?.disagreement ?? .max { nearest = (layout, disagreement) }
                if disagreement == 1 - layout.tensors.count { break }
            } catch {
                failure = failure ?? error
            }
        }
        guard let nearest else {
            throw failure ?? SparringError(.argument, "\(name.rawValue) has no definition")
        }
        return nearest.layout
    }

    /// The one definition that has this network's parameters, and which go where.
    func layout(of network: Network) throws(SparringError) -> (layout: TorchLayout, sources: [String?]) {
        let weights = try network.parameters.filter(\.isWeight)
        let own = try known(TorchDefinition.ownName)
        var fitting: [(layout: TorchLayout, sources: [String?])] = []
        var failure: SparringError?
        for definition in try choices?.definition.map(known)
            ?? (name.torchDefinitions.isEmpty ? own : name.torchDefinitions)
        {
            do throws(SparringError) {
                let layout = try layout(definition, network.inputShape, classes: network.classes)
                let sources = try layout.sources(in: weights)
                try layout.checkLayers(of: network)
                fitting.append((layout, sources))
            } catch {
                failure = failure ?? error
            }
        }
        if let first = fitting.first, fitting.count == 1 { return first }
        guard fitting.isEmpty else {
            let names = fitting.map(\.layout.definition.name).joined(separator: ", ")
            throw SparringError(.argument, "several definitions fit the network, name one of them: \(names)")
        }
        throw failure ?? SparringError(.argument, "\(name.rawValue) has no definition")
    }

    private func known(_ definition: String) throws(SparringError) -> [TorchDefinition] {
        [try name.torchDefinition(definition)]
    }
}

extension Network.Parameter {
    /// Whether state dicts have it; a normalization's constants they have not.
    fileprivate var isWeight: Bool { isTrainable || ["running_mean", "running_var"].contains(part) }

    /// The last component of the name, such as "bias".
    fileprivate var part: Substring { name.split(separator: ".").last ?? "" }
}

// MARK: - Channels

/// A dimension of a parameter whose channels a definition has in another order.
private struct OrderedDimension {
    let shape: [Int]
    let dimension: Int
    /// For each channel of the network its place in the definition.
    let order: [Int]

    /// Of the definition's order, the network's.
    func gather(_ values: [Float]) -> [Float] { moved(values, order: order) }

    /// Of the network's order, the definition's.
    func scatter(_ values: [Float]) -> [Float] {
        var inverse = order
        for (ours, theirs) in order.enumerated() { inverse[theirs] = ours }
        return moved(values, order: inverse)
    }

    private func moved(_ values: [Float], order: [Int]) -> [Float] {
        let inner = shape[(dimension + 1)...].reduce(1, *)
        let outer = shape[..<dimension].reduce(1, *)
        return (0..<outer).flatMap { row in
            order.flatMap { channel in
                let first = (row * order.count + channel) * inner
                return values[first..<first + inner]
            }
        }
    }
}

extension Network {
    /// The parameters whose channels the definition has in another order.
    fileprivate func channelOrders(
        of definition: TorchDefinition
    ) throws(SparringError) -> [(parameter: Parameter, order: OrderedDimension)] {
        guard try layers.contains(where: { $0.kind == "channel_shortcut" }) else { return [] }
        return try parameters.compactMap { parameter in
            for order in definition.orders {
                guard let stage = order.stage(of: parameter.name) else { continue }
                let places = ChannelOrder.centered(stage: stage, channels: parameter.shape[order.dimension])
                return (
                    parameter,
                    OrderedDimension(shape: parameter.shape, dimension: order.dimension, order: places)
                )
            }
            return nil
        }
    }
}
