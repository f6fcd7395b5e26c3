import CSparring
import Foundation

func check(_ status: spar_status) {
    guard status != SPAR_OK else { return }
    print(String(cString: spar_last_error()))
    exit(1)
}

func makeNetwork() -> OpaquePointer? {
    var graph: OpaquePointer?
    check(spar_graph_create(&graph))
    defer { spar_graph_destroy(graph) }
    var hidden = spar_dense_defaults()
    hidden.units = 16
    var output = spar_dense_defaults()
    output.units = 2
    let x = spar_tanh(graph, spar_dense(graph, spar_input(graph, 2, 1, 1), &hidden))

    var options = spar_network_defaults()
    options.batch_size = 4
    var network: OpaquePointer?
    check(spar_network_create(graph, spar_dense(graph, x, &output), &options, &network))
    return network
}

// Exclusive or, which takes a hidden layer.
let points: [Float] = [0, 0, 0, 1, 1, 0, 1, 1]
let labels: [Int32] = [0, 1, 1, 0]
let network = makeNetwork()
var sgd = spar_sgd_defaults()
var result = spar_loss_result()
result.struct_size = UInt32(MemoryLayout<spar_loss_result>.stride)
for _ in 0..<300 {
    check(spar_train_step(network, &sgd, points, labels, 4, &result))
}
spar_network_destroy(network)
print("exclusive or through C: loss \(result.loss), \(result.correct) of \(result.count) right")
exit(result.correct == 4 ? 0 : 1)
