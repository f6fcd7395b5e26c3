/// Everything about a training besides the network, the data and the method.
public struct Recipe: Hashable, Sendable, Codable {
    /// A last part of the training without perturbation, at its own constant learning rate.
    public struct PlainFinish: Hashable, Sendable, Codable {
        /// Epochs with perturbation before it.
        public var afterEpoch: Int
        public var learningRate: Float

        public init(afterEpoch: Int, learningRate: Float) {
            self.afterEpoch = afterEpoch
            self.learningRate = learningRate
        }
    }

    /// Epochs at most; the schedule may end the training before.
    public var epochs: Int
    public var batchSize: Int
    public var schedule: Schedule
    public var optimizer: Optimizer
    public var augmentation: Augmentation
    /// Turns the points off after some epochs; takes effect with methods that perturb.
    public var plainFinish: PlainFinish?
    /// Training images that are held out, of each class its share, drawn by the network's seed: they tell the best epoch,
    /// and the rule that halves on the validation loss watches them. Nil for a tenth. 0 for none: the best epoch is then
    /// the last, and such a rule watches the test images.
    public var validationImages: Int?
    /// Smoothed labels and mixed images; nil for labels as they are.
    public var softening: LabelSoftening?
    /// An average of the weights as a model beside the last and the best one; nil for none.
    public var average: WeightAverage?
    /// What the held-out images are attacked by after every epoch; where the method moves pixels along gradients, the best
    /// epoch is then the one with the highest accuracy under it. Nil for none: only a method of a single step is then looked
    /// after, on a few images.
    public var validationAttack: BallAttack?
    /// How many of the held-out images are attacked, of each class its share; nil for 512, and all where they are fewer.
    public var validationAttackImages: Int?

    public init(
        epochs: Int, batchSize: Int = 128, schedule: Schedule = .constant(0.1),
        optimizer: Optimizer = Optimizer(), augmentation: Augmentation = .none,
        plainFinish: PlainFinish? = nil, validationImages: Int? = nil, softening: LabelSoftening? = nil,
        average: WeightAverage? = nil, validationAttack: BallAttack? = nil, validationAttackImages: Int? = nil
    ) {
        self.epochs = epochs
        self.batchSize = batchSize
        self.schedule = schedule
        self.optimizer = optimizer
        self.augmentation = augmentation
        self.plainFinish = plainFinish
        self.validationImages = validationImages
        self.softening = softening
        self.average = average
        self.validationAttack = validationAttack
        self.validationAttackImages = validationAttackImages
    }

    /// This recipe in another number of epochs: every epoch that it names moves in proportion, to 1 at least, and what
    /// comes before the last one stays before it where there are two.
    public func scaled(to epochs: Int) -> Recipe {
        func scaled(_ named: Int) -> Int {
            let exact = (Double(named) * Double(epochs) / Double(max(self.epochs, 1))).rounded()
            let last = named < self.epochs ? max(epochs - 1, 1) : .max
            return min(max(Int(exactly: exact) ?? .max, 1), last)
        }
        var recipe = self
        recipe.epochs = epochs
        recipe.schedule = schedule.withEpochs(scaled)
        recipe.average = average?.withEpochs(scaled)
        if let finish = plainFinish {
            recipe.plainFinish?.afterEpoch = min(scaled(finish.afterEpoch), max(epochs - 1, 1))
        }
        return recipe
    }

    /// How many of so many training images are held out.
    public func validationImages(of count: Int) -> Int { validationImages ?? max(count / 10, 1) }
}

// MARK: - The papers' settings

extension Recipe {
    /// ANL on CIFAR: 200 epochs, flips and crops, halving on the validation loss from 0.1. A perturbing method is
    /// on for the first 100 epochs; then plain training at 1e-3. The paper does not tell how many images it holds
    /// out; here a tenth is.
    public static let adversarialNoise = Recipe(
        epochs: 200,
        schedule: Schedule(.halvingOnValidationLoss(epochs: 5, minimum: 1e-3), learningRate: 0.1),
        optimizer: Optimizer(weightDecay: 5e-4), augmentation: .flipsAndCrops,
        plainFinish: PlainFinish(afterEpoch: 100, learningRate: 1e-3))

    /// Layerwise on CIFAR-10: 300 epochs, flips, Nesterov's momentum, learning rate 0.1 divided by 5 every 50
    /// epochs. The paper gives no weight decay.
    public static let layerwise = layerwise(epochsPerStep: 50)

    /// Layerwise on CIFAR-100: as ``layerwise`` with a step every 60 epochs.
    public static let layerwiseCIFAR100 = layerwise(epochsPerStep: 60)

    private static func layerwise(epochsPerStep: Int) -> Recipe {
        Recipe(
            epochs: 300, schedule: Schedule(.steps(divisor: 5, epochs: epochsPerStep), learningRate: 0.1),
            optimizer: Optimizer(isNesterov: true), augmentation: Augmentation(flips: true, cropPadding: 0))
    }

    /// Layerwise with AlexNet on ImageNet: 60 epochs. The paper gives nothing else; the learning rate, its steps, the
    /// weight decay and the augmentation are the usual ones of this network.
    public static let layerwiseAlexNet = Recipe(
        epochs: 60, schedule: Schedule(.steps(divisor: 10, epochs: 20), learningRate: 0.01),
        optimizer: Optimizer(isNesterov: true, weightDecay: 5e-4), augmentation: .resizedCropsAndFlips)

    /// Nøkland on MNIST: 150 epochs of batches of 10 at a constant learning rate that depends on the hidden
    /// unit, no momentum, no decay. ε is 0.08; the model is ``MLP`` as it comes.
    public static func adversarialBackpropMNIST(_ unit: HiddenUnit = .relu) -> Recipe {
        let learningRate: Float =
            switch unit {
            case .logistic: 0.5
            case .tanh: 0.01
            case .relu: 0.05
            }
        return Recipe(
            epochs: 150, batchSize: 10, schedule: .constant(learningRate), optimizer: Optimizer(momentum: 0))
    }

    /// Nøkland's dense network on CIFAR-10: at most 300 epochs, halving on the training error from 0.1,
    /// max-norm 4. ε is 0.03.
    public static let adversarialBackpropCIFARDense = adversarialBackpropCIFAR(
        learningRate: 0.1, optimizer: Optimizer(momentum: 0, maxNorm: 4))

    /// Nøkland's convolutional network on CIFAR-10: as the dense one, from 0.5, with momentum and weight
    /// decay 0.001. ε is 0.01.
    public static let adversarialBackpropCIFARConvolutional = adversarialBackpropCIFAR(
        learningRate: 0.5, optimizer: Optimizer(weightDecay: 1e-3, maxNorm: 4))

    private static func adversarialBackpropCIFAR(learningRate: Float, optimizer: Optimizer) -> Recipe {
        Recipe(
            epochs: 300,
            schedule: Schedule(.halvingOnTrainError(limit: 8, target: 0.01), learningRate: learningRate),
            optimizer: optimizer)
    }
}
