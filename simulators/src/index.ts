// Door: virtual people, devices, networks and attackers. Only re-exports.
export {};
