/// Everything that decides what a training ends with: the same settings and images give the same bits, on any number of
/// threads, and but for ``statistics`` of ranks.
///
/// A setting that comes later has its place in one of the values, and is optional there or has a value where a file lacks
/// it, so that older runs go on as they began.
///
/// ```swift
/// let settings = RunSettings(
///     model: ModelSpec(.lenet5, classes: data.classes, imageShape: data.shape), data: try DataSpec(of: data),
///     method: .adversarialNoise(epsilon: 0.03), recipe: .adversarialNoise)
/// let trainer = try Trainer(settings, on: data)
/// let folder = try RunFolder(creating: "run", for: trainer, settings: settings)
/// for try await epoch in trainer.fit(data, recordingTo: folder) { print(epoch.number, epoch.test.error) }
/// ```
public struct RunSettings: Hashable, Sendable {
    public var model: ModelSpec
    public var data: DataSpec
    public var normalization: Normalization
    /// Of ``ZCA/fit(on:epsilon:)``; nil for another normalization.
    public var zcaEpsilon: Float?
    public var inputPoint: InputPoint
    public var method: Method
    public var recipe: Recipe
    /// What a training step of a program's own is called (``TrainingStep``); nil for the method's.
    public var step: String?
    /// Of weights, order, held-out images, augmentation, dropout and perturbations.
    public var seed: UInt64
    /// No Winograd.
    public var exactConvolutions: Bool
    /// Whose images batch norm's moments are of where ranks train together.
    public var statistics = StatisticsScope.batch
    /// The model that the training begins with; nil for weights drawn by the seed.
    public var initialModel: InitialModel?
    /// The paper's setting that these are based on, by its name; nil for none.
    public var setting: String?

    public init(
        model: ModelSpec, data: DataSpec, normalization: Normalization? = nil, zcaEpsilon: Float? = nil,
        inputPoint: InputPoint = .pixels, method: Method, recipe: Recipe, step: String? = nil,
        seed: UInt64 = 1, exactConvolutions: Bool = false, initialModel: InitialModel? = nil,
        setting: String? = nil
    ) {
        self.model = model
        self.data = data
        self.normalization = normalization ?? (model.imageShape.channels == 1 ? .none : .perChannel)
        self.zcaEpsilon = zcaEpsilon
        self.inputPoint = inputPoint
        self.method = method
        self.recipe = recipe
        self.step = step
        self.seed = seed
        self.exactConvolutions = exactConvolutions
        self.initialModel = initialModel
        self.setting = setting
    }

    /// Of a trainer whose network a program has made.
    ///
    /// - Parameters:
    ///   - trainer: with its network, method and recipe.
    ///   - model: what the program calls it.
    ///   - architecture: its layers in words.
    ///   - data: the images and how they are split.
    ///   - normalization: what the network does to pixels first.
    ///   - inputPoint: whether ε of the input counts pixels or normalized values.
    public init(
        of trainer: Trainer, model: String, architecture: String? = nil, data: DataSpec,
        normalization: Normalization = .none, inputPoint: InputPoint = .pixels
    ) throws(SparringError) {
        let network = trainer.network
        self.init(
            model: ModelSpec(
                named: model, architecture: architecture.map { .words($0) }, classes: network.classes,
                imageShape: network.inputShape),
            data: data, normalization: normalization, inputPoint: inputPoint, method: trainer.method,
            recipe: trainer.recipe, step: trainer.step.identity, seed: try network.info.seed,
            exactConvolutions: network.usesExactConvolutions)
    }

    /// What makes another training of these settings than of the others, part by part with both values, such as "recipe:
    /// epochs 5, not 6". Where the images and the initial model lie makes none.
    public func differences(from other: RunSettings) -> [String] {
        var others = other
        others.data.directory = data.directory
        if let file = initialModel?.file { others.initialModel?.file = file }
        return Sparring.differences(self, others)
    }

    /// The normalization by the numbers of the training images; nil where pixels stay as they are.
    ///
    /// - Throws: as ``Normalization/fitted(on:epsilon:)``.
    public func preprocessing(fittedTo images: ImageSet) throws -> (any Preprocessing)? {
        try normalization.fitted(on: images, epsilon: zcaEpsilon ?? ZCA.usualEpsilon)
    }
}

/// The images of a training: the name of their set, where they are, and what tells them from others.
public struct DataSpec: Hashable, Sendable, Codable {
    /// The data set's name.
    public var name: String
    /// Where its files are; nil for an embedded one.
    public var directory: String?
    /// One name a class; nil where a program gave none.
    public var classNames: [String]?
    /// Of photographs, the shorter side before the square in the middle is cut out; nil for other images, and for the usual
    /// one.
    public var resizedSide: Int?
    /// Before some of them are held out (``Recipe/validationImages``); nil where nothing tells.
    public var trainImages: Int?
    public var testImages: Int?
    /// Of the images (``Dataset/fingerprint``): a run goes on with these only. Nil where a program did not tell it.
    public var fingerprint: String?

    /// Stable: files have them.
    private enum CodingKeys: String, CodingKey {
        case name = "data"
        case directory = "dataDirectory"
        case classNames, resizedSide, trainImages, testImages, fingerprint
    }

    public init(
        name: String, directory: String? = nil, classNames: [String]? = nil, resizedSide: Int? = nil
    ) {
        self.name = name
        self.directory = directory
        self.classNames = classNames
        self.resizedSide = resizedSide
    }

    /// These images.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public init(of data: any Dataset, directory: String? = nil, resizedSide: Int? = nil) throws {
        self.init(
            name: data.name, directory: directory, classNames: data.classNames, resizedSide: resizedSide)
        (trainImages, testImages) = (data.train.count, data.test.count)
        fingerprint = try data.fingerprint
    }
}

// MARK: - As networks and trainers

extension Trainer {
    /// A new network and its trainer.
    ///
    /// - Parameters:
    ///   - settings: model, method, recipe and seed.
    ///   - model: where it is none of the package.
    ///   - preprocessing: ``RunSettings/preprocessing(fittedTo:)``.
    ///   - step: where it is none of the package; the settings name it.
    ///   - threads: 0 for all cores. The results do not depend on it.
    /// - Throws: when the model and the images, or the model and the initial one, do not fit.
    public convenience init(
        _ settings: RunSettings, model: (any Model)? = nil, normalizedBy preprocessing: (any Preprocessing)?,
        step: some TrainingStep = MethodStep(), threads: Int = 0
    ) throws(SparringError) {
        try checkStep(step, is: settings.step, for: "the settings")
        let model = if let model { model } else { try settings.model.model() }
        let network = try Network(
            model, input: settings.model.imageShape, normalizedBy: preprocessing,
            inputPoint: settings.inputPoint, batchSize: settings.recipe.batchSize, threads: threads,
            seed: settings.seed, exactConvolutions: settings.exactConvolutions)
        let initial = try settings.initialModel.map { (model) throws(SparringError) in
            try model.initialize(network)
        }
        self.init(network, method: settings.method, recipe: settings.recipe, step: step)
        initialParameters = initial
    }

    /// As the other, normalized by the numbers of the training images.
    public convenience init(
        _ settings: RunSettings, on data: any Dataset, model: (any Model)? = nil,
        step: some TrainingStep = MethodStep(), threads: Int = 0
    ) throws {
        try self.init(
            settings, model: model, normalizedBy: try settings.preprocessing(fittedTo: data.train),
            step: step, threads: threads)
    }
}

extension PaperSetting {
    /// The setting for this network and these images.
    ///
    /// - Throws: when the network must be made for its size to be known, and cannot be.
    public func settings(_ model: ModelSpec, _ data: DataSpec) throws(SparringError) -> RunSettings {
        RunSettings(
            model: model, data: data, normalization: normalization, inputPoint: inputPoint,
            method: try method(for: model), recipe: recipe, setting: name)
    }
}

// MARK: - As JSON

// One flat object: the keys of the model and of the data stand among the others.
extension RunSettings: Codable {
    /// Stable: files have them.
    private enum CodingKeys: String, CodingKey {
        case normalization, zcaEpsilon, inputPoint, method, recipe, step, seed, exactConvolutions,
            statistics, initialModel, setting
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        model = try ModelSpec(from: decoder)
        data = try DataSpec(from: decoder)
        normalization = try values.decode(Normalization.self, forKey: .normalization)
        zcaEpsilon = try values.decodeIfPresent(Float.self, forKey: .zcaEpsilon)
        inputPoint = try values.decode(InputPoint.self, forKey: .inputPoint)
        method = try values.decode(Method.self, forKey: .method)
        recipe = try values.decode(Recipe.self, forKey: .recipe)
        step = try values.decodeIfPresent(String.self, forKey: .step)
        seed = try values.decode(UInt64.self, forKey: .seed)
        exactConvolutions = try values.decode(Bool.self, forKey: .exactConvolutions)
        statistics = try values.decodeIfPresent(StatisticsScope.self, forKey: .statistics) ?? .batch
        initialModel = try values.decodeIfPresent(InitialModel.self, forKey: .initialModel)
        setting = try values.decodeIfPresent(String.self, forKey: .setting)
    }

    public func encode(to encoder: any Encoder) throws {
        try model.encode(to: encoder)
        try data.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(normalization, forKey: .normalization)
        try values.encodeIfPresent(zcaEpsilon, forKey: .zcaEpsilon)
        try values.encode(inputPoint, forKey: .inputPoint)
        try values.encode(method, forKey: .method)
        try values.encode(recipe, forKey: .recipe)
        try values.encodeIfPresent(step, forKey: .step)
        try values.encode(seed, forKey: .seed)
        try values.encode(exactConvolutions, forKey: .exactConvolutions)
        if statistics != .batch { try values.encode(statistics, forKey: .statistics) }
        try values.encodeIfPresent(initialModel, forKey: .initialModel)
        try values.encodeIfPresent(setting, forKey: .setting)
    }
}
