import Sparring

/// What a model is made of, layer by layer.
struct ModelSummary: Encodable, CustomStringConvertible {
    private struct Row: Encodable {
        let name: String
        let kind: String
        let outputShape: ImageShape
        let trainableParameters: Int
        let multiplyAdds: Int
        let isPoint: Bool
        /// Such as "pool1", where the point is known by that name too.
        let pool: String?
    }

    private let model: String
    private let inputShape: ImageShape
    private let classes: Int
    private let layers: [Row]
    private let trainableParameters: Int
    private let multiplyAdds: Int

    /// - Throws: when the model does not take such images.
    init(of model: ModelSpec) throws {
        let network = try Network(model.model(), input: model.imageShape, batchSize: 1)
        let (info, points, pools) = try (network.info, Set(network.points.map(\.name)), network.pools)
        (self.model, inputShape, classes) = (model.name, model.imageShape, model.classes)
        layers = try network.layers.map { layer in
            Row(
                name: layer.name, kind: layer.kind, outputShape: layer.outputShape,
                trainableParameters: layer.trainableParameters, multiplyAdds: layer.multiplyAdds,
                isPoint: points.contains(layer.name),
                pool: pools.firstIndex(of: layer.name).map { "pool\($0 + 1)" })
        }
        trainableParameters = info.trainableParameters
        multiplyAdds = info.multiplyAdds
    }

    var description: String {
        let rows = layers.map { row in
            [
                "\(row.isPoint ? "●" : " ") \(row.name)\(row.pool.map { " (\($0))" } ?? "")", row.kind,
                "\(row.outputShape)", "\(row.trainableParameters)", "\(row.multiplyAdds)",
            ]
        }
        let table = ReportTable(
            columns: ["  layer", "kind", "output", "parameters", "multiply–adds"],
            rows: rows + [["  all", "", "", "\(trainableParameters)", "\(multiplyAdds)"]])
        return "\(model) for \(classes) classes of \(inputShape) images\n\n\(table.text)"
    }
}
