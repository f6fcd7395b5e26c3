import CSparring
import Foundation

#if MPI
    import CSparringMPI
#endif

extension Group {
    /// The library of MPI that this program has, such as "Open MPI v4.1.4, MPI 3.1"; nil where it was built without the
    /// package's trait `MPI`.
    public static var library: String? {
        #if MPI
            return "\(String(cString: spar_mpi_library())), MPI \(String(cString: spar_mpi_version()))"
        #else
            return nil
        #endif
    }

    /// Joins the processes that `mpirun`, or what a cluster has in its place, started together; once in a process.
    ///
    /// - Returns: nil where this process was started alone.
    /// - Throws: where the program has no MPI, or MPI fails.
    public static func joined() throws(SparringError) -> Group? {
        let names = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK"]
        let environment = ProcessInfo.processInfo.environment
        guard names.contains(where: { environment[$0] != nil }) else { return nil }
        #if MPI
            return Group(try MPITransport())
        #else
            // A step of Slurm with a single task is a process like any other.
            let sizes = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"].compactMap { environment[$0] }
            guard sizes.contains(where: { $0 != "1" }) else { return nil }
            throw SparringError(
                .state,
                "several processes were started together, and this program was built without MPI: swift build --traits MPI"
            )
        #endif
    }
}

#if MPI
    /// The ranks that MPI started.
    private final class MPITransport: Transport, @unchecked Sendable {
        private let mpi: OpaquePointer?
        let group: spar_group
        let hosts: [String]

        init() throws(SparringError) {
            var started: OpaquePointer?
            try checkMPI(spar_mpi_start(&started))
            guard let group = spar_mpi_group(started)?.pointee else {
                throw SparringError(.state, "MPI started no group")
            }
            mpi = started
            self.group = group
            hosts = (0..<group.size).map { rank in
                spar_mpi_host(started, rank).map { String(cString: $0) } ?? "unknown"
            }
        }

        func broadcast(_ bytes: inout Data) throws(SparringError) {
            let status = bytes.withUnsafeMutableBytes { spar_mpi_broadcast(mpi, $0.baseAddress, $0.count) }
            try checkMPI(status)
        }

        func gather(_ bytes: Data, sizes: [Int]) throws(SparringError) -> Data {
            var all = Data(count: group.rank == 0 ? sizes.reduce(0, +) : 0)
            let status = bytes.withUnsafeBytes { own in
                all.withUnsafeMutableBytes { all in
                    sizes.withUnsafeBufferPointer { sizes in
                        spar_mpi_gather(
                            mpi, own.baseAddress, own.count, all.baseAddress, sizes.baseAddress)
                    }
                }
            }
            try checkMPI(status)
            return all
        }

        func warning(threads: Int) -> String? {
            spar_mpi_warning(mpi, Int32(clamping: threads)).map { String(cString: $0) }
        }

        func leave(reason: String?) throws(SparringError) {
            try checkMPI(withOptionalCString(reason) { spar_mpi_finish(mpi, $0) })
        }

        func abort(reason: String) { spar_mpi_abort(mpi, reason) }
    }

    private func checkMPI(_ status: spar_status) throws(SparringError) {
        try check(status, String(cString: spar_mpi_last_error()))
    }
#endif
