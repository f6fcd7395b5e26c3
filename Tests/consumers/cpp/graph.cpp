// The header serves C++: objects can be owned by standard pointers, and a failure explains itself.
#include <cstring>
#include <iostream>
#include <memory>
#include <sparring.h>

namespace {

struct GraphDeleter {
    void operator()(spar_graph *graph) const {
        spar_graph_destroy(graph);
    }
};

} // namespace

int main() {
    spar_graph *handle = nullptr;
    if (spar_graph_create(&handle) != SPAR_OK) return 1;
    const std::unique_ptr<spar_graph, GraphDeleter> graph(handle);

    spar_conv2d_params convolution = spar_conv2d_defaults();
    convolution.channels = 8;
    convolution.kernel_height = convolution.kernel_width = 5;
    convolution.padding_height = convolution.padding_width = 0;
    const spar_value x = spar_conv2d(graph.get(), spar_input(graph.get(), 3, 9, 7), &convolution);

    int32_t shape[3] = {};
    if (spar_value_shape(graph.get(), x, shape) != SPAR_OK) return 1;
    std::cout << "a 5x5 convolution of 3x9x7 is " << shape[0] << "x" << shape[1] << "x" << shape[2] << "\n";

    spar_method method{};
    method.struct_size = sizeof method;
    if (spar_method_preset("unheard-of", 0.1F, &method) == SPAR_OK) return 1;
    std::cout << "an unknown method: " << spar_last_error() << "\n";
    const bool shape_is_right = shape[0] == 8 && shape[1] == 5 && shape[2] == 3;
    return shape_is_right && std::strstr(spar_last_error(), "layerwise") != nullptr ? 0 : 1;
}
