//! Ports that no provider listens on: a request sent there is an attack on another protocol.

/// Refused in local mode unless the operator lists them; sorted. The list of the Fetch standard
/// (<https://fetch.spec.whatwg.org/#port-blocking>, read 2026-11) with databases, caches, queues,
/// container and cluster control and remote desktops beside it.
pub(super) const FOREIGN: [u16; 124] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 162, 179,
    389, 427, 445, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601,
    623, 636, 873, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2376, 2379,
    2380, 3260, 3306, 3389, 3659, 4045, 4190, 4369, 5060, 5061, 5432, 5671, 5672, 5900, 5901, 5984,
    5985, 5986, 6000, 6379, 6380, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 7000, 7001,
    8086, 9042, 9092, 9160, 9200, 9300, 10080, 10250, 11211, 16379, 26379, 27017, 27018,
];

/// Whether `port` belongs to another protocol.
pub(super) fn is_foreign(port: u16) -> bool {
    FOREIGN.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_so_that_every_entry_is_found() {
        assert!(FOREIGN.is_sorted_by(|a, b| a < b));
        assert!(FOREIGN.iter().all(|port| is_foreign(*port)));
    }

    #[test]
    fn ports_that_local_model_servers_use_are_free() {
        for port in [
            80, 443, 1234, 3000, 4000, 5000, 8000, 8080, 8443, 8790, 11434, 30000,
        ] {
            assert!(!is_foreign(port), "{port}");
        }
    }
}
