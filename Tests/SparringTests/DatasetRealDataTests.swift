import Foundation
import Sparring
import Testing

/// The data sets themselves, where the environment variable `SPARRING_DATA` names a folder that has them.
private let directory = ProcessInfo.processInfo.environment["SPARRING_DATA"]

@Suite(.enabled(if: directory != nil))
struct DatasetRealDataTests {
    private func expect(_ data: any Dataset, mean: [Float], deviation: [Float]) throws {
        let statistics = try data.pixelStatistics
        for channel in 0..<data.shape.channels {
            #expect(abs(statistics.mean[channel] - mean[channel]) < 1e-4)
            #expect(abs(statistics.deviation[channel] - deviation[channel]) < 1e-4)
        }
    }

    @Test func mnist() throws {
        let data = try MNIST(directory: #require(directory))
        #expect(data.train.count == 60_000 && data.test.count == 10_000)
        try expect(data, mean: [0.1307], deviation: [0.3081])
    }

    @Test func fashionMNIST() throws {
        let data = try FashionMNIST(directory: #require(directory))
        #expect(data.train.count == 60_000 && data.test.count == 10_000)
        try expect(data, mean: [0.2860], deviation: [0.3530])
    }

    @Test func cifar10() throws {
        let data = try CIFAR10(directory: #require(directory))
        #expect(data.train.count == 50_000 && data.test.count == 10_000)
        #expect(data.classNames[6] == "frog")
        try expect(data, mean: [0.4913, 0.4821, 0.4465], deviation: [0.2452, 0.2428, 0.2606])
    }
}
