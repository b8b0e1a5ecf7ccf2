/**
 * Receipts of production ledgers and application claims, as Azure's SDK for Python has them in its tests (MIT licence;
 * azure-sdk-for-python, sdk/confidentialledger/azure-confidentialledger/tests/receipt/_shared).
 */

const pem = (base64: string) => {
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
};

export const serviceOfFirst = pem(
  'MIIBejCCASCgAwIBAgIQcmv2rRjksVYvqdOOHxp5UjAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtDQ0YgTmV0d29yazAeFw0yMjExMDExODU0MzNaFw0yMzAxMzAxODU0MzJaMBYxFDASBgNVBAMMC0NDRiBOZXR3b3JrMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEFi2//FtAFoJvS+4jzQte+hjhhtBee8yjZ28ntukjeqWbG8XCncx4e0jeoQbFmGC9BnMb+t3t6FskQZkvgobrqNQME4wDAYDVR0TBAUwAwEB/zAdBgNVHQ4EFgQUQgzYFOQLy0vDkm3wqLSlcJsbQm8wHwYDVR0jBBgwFoAUQgzYFOQLy0vDkm3wqLSlcJsbQm8wCgYIKoZIzj0EAwIDSAAwRQIhAN/DrvHLpwRa7PeuN7q4ZztPjEY6R8r2IuT+wd5lMe7UAiAu7FftNooRjWIJ6pVFQO1xPtjCI5/JyvBUcJqfWT+Q2g==',
);

export const serviceOfSecond = pem(
  'MIIBezCCASGgAwIBAgIRAL1K5p7mE+zOdNn4Po05mDcwCgYIKoZIzj0EAwIwFjEUMBIGA1UEAwwLQ0NGIE5ldHdvcmswHhcNMjIxMDI1MTIzMDU3WhcNMjMwMTIzMTIzMDU2WjAWMRQwEgYDVQQDDAtDQ0YgTmV0d29yazBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGd51KunQeso9Y/6oA2p9Vh8Wf5eYCNPm8MTwE+1hVYX51U/LqdoVxZBJvcWNbDkToOyxPdmFC19QmSb49pjfLGjUDBOMAwGA1UdEwQFMAMBAf8wHQYDVR0OBBYEFErYKi5W20k63JsLMj3ZG/f/PaZwMB8GA1UdIwQYMBaAFErYKi5W20k63JsLMj3ZG/f/PaZwMAoGCCqGSM49BAMCA0gAMEUCIQC215NRdXWKaVNH9Rp2VJzMHHwNqsUPm+U8mwLeOOk7TgIgL7JFqyJmnigevF2Ju/k4QkkBMZm4McuywM1f2n8+8Qk=',
);

/** In `snake_case`, as older instances answer. */
export const firstReceipt = {
  is_signature_transaction: false,
  cert: pem(
    'MIIB0zCCAXqgAwIBAgIRALXhnOIN/WoLnD69pfR2rvQwCgYIKoZIzj0EAwIwFjEUMBIGA1UEAwwLQ0NGIE5ldHdvcmswHhcNMjIxMTAxMTg1NDM2WhcNMjMwMTMwMTg1NDM1WjATMREwDwYDVQQDDAhDQ0YgTm9kZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAUkp7vj54d1qr51leVMEwn/GXFozJQ1Ycx+AYoCb++0a6lrekGEgN91dR6DYdaBRKbYPMphAf4vDQEcVIjpFwKjgaswgagwCQYDVR0TBAIwADAdBgNVHQ4EFgQU54/ExTbNk7ZnZWImu6xq+8vOngEwHwYDVR0jBBgwFoAUQgzYFOQLy0vDkm3wqLSlcJsbQm8wWwYDVR0RBFQwUocECvACNYIRYXAtc3RhZ2luZy1sZWRnZXKCN2FwLXN0YWdpbmctbGVkZ2VyLmNvbmZpZGVudGlhbC1sZWRnZXItc3RhZ2luZy5henVyZS5jb20wCgYIKoZIzj0EAwIDRwAwRAIgBkB5XGxiiB5hhyWuHrM5TDlLfDUNR4GV1vietpmGmLsCIF76tqizqk+s5Wuoa8ePLvGxUXIy3Q+H2rfRFi2LIB0B',
  ),
  node_id: '708c2e71b2533e5eb38e05cc344390d133c8fb336cb80481ab4e5e902e6131a5',
  service_endorsements: [],
  leaf_components: {
    claims_digest: '0000000000000000000000000000000000000000000000000000000000000000',
    commit_evidence: 'ce:2.35:fa08b4eae4a034971b97f0b21810951ec64b06fb2f4b5a1e80f6f4b83a23c719',
    write_set_digest: 'fef1aa22972daba05864a7e986c1bb94aa6b8fea43781cb48907c972e9761e71',
  },
  proof: [
    { left: '5e949d6d17b88900aeb8fb292f041075272d3b58108f2016a3ceea2a47ffad8f' },
    { left: 'fb199f029ed1e7886ca95f8ecb4f9a56edede5f15fb425874c2a34861a9765ee' },
    { left: 'efe9c61961fc189e292edeadb4317040ea4a6e5abc8cf349dc74295930ed7435' },
  ],
  signature:
    'MEYCIQC05OyTn/a5ZKphfY4AsnnBF2Rfj0j0pNrfPtHHO5JvnwIhAPItujuzkC8enmxIsG2X82hBgHCaNoFHL9GC3XfejOUI',
};

/** In `camelCase`. */
export const secondReceipt = {
  cert: pem(
    'MIIBzzCCAXWgAwIBAgIQIqJhTJJl+Oxf8Fl0oH622TAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtDQ0YgTmV0d29yazAeFw0yMjEwMjUxMjMwNTZaFw0yMzAxMjMxMjMwNTVaMBMxETAPBgNVBAMMCENDRiBOb2RlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqmsG0x22ZuFBjDItZruC+jVJza8qpXh/HKeX5yG/0/HKyjMOEce2g/C7Z/fibf/bYXiCbz4WP/YbU3crQUtc7qOBpzCBpDAJBgNVHRMEAjAAMB0GA1UdDgQWBBSYw8oZLUv/qjpB/u0uaJyEGsMM9zAfBgNVHSMEGDAWgBRK2CouVttJOtybCzI92Rv3/z2mcDBXBgNVHREEUDBOghNhcC10ZXN0LWxlZGdlci1wcml2gjFhcC10ZXN0LWxlZGdlci1wcml2LmNvbmZpZGVudGlhbC1sZWRnZXIuYXp1cmUuY29thwQK8Eq3MAoGCCqGSM49BAMCA0gAMEUCIQCbokInYEKX7ItmjJDlnG/0EbIwgcCCGnRubIzHYhiX8gIgbqhPG68pxR43ZhJy6y6JeWuB+kSXsqRmQdYP3UMkzXg=',
  ),
  leafComponents: {
    claimsDigest: '0000000000000000000000000000000000000000000000000000000000000000',
    commitEvidence: 'ce:16.7415:e718636e480d0ea56650406cece0abf6c010f58e6635dce8f404e2d2779fbc9d',
    writeSetDigest: '4242b251a0800c9b6857b5da503d92a152e43da79f3da20758f9c5db65d8dd4c',
  },
  nodeId: 'a16d14661618d220365594fc4986f4401ff74785b70818b00e6590bb3c1a1a5d',
  proof: [
    { left: '113d89bdcb5282bf773ca12ba97a7baa1b2515a5ffecdb9feaae67bddc89c639' },
    { left: '5f8edd797d0146b76e0ebfa6ee9d5e34a8f8b9795f3957202b3f92817b991918' },
    { left: '7e00bfbb86030ac74e8db5b08af1a9dbe15659c083cdcedc78fc915ecd57ab3e' },
    { left: '842e1dd9cb8768f9c158e61a51041d94c5a52c7a905068c85b6c5cc165010417' },
    { left: '2921ba478d7cbfb8964b1b0221a6909ef8793738045d24c095200fa88396fa1b' },
    { left: '65fa347e5392b4a1b399194321446ff7e0b25fc44609c9ddff2558674cc8b8fe' },
    { left: '96736d241bfd0890cdbefdca97633f13cb345e18d62464ca4d3aeb4c4e2acc05' },
    { left: '75fdb2b7f6589d7f38218dcdf09ad06d1873cc11692ac11ca099956c4d0df2c6' },
    { left: '7cb66ee49ecb284ad967be5ae9f735e9046ebe5fb49bd093e29b851932afcac7' },
    { left: 'b5acc41d51ebc21112882d9e444dffcddc1135a6a1edd9b287ec6927e7baac84' },
  ],
  serviceEndorsements: [],
  signature:
    'MEUCIBehRsSl0CyNwMHiObY3Kxw9cV5e/rSQKmCrEJooxWvmAiEAnYwaT5yVGFkSFuJ8JdbW0ZolbDHzRrfl+fm6jIrDzxw=',
};

export const entryClaim = {
  kind: 'LedgerEntry',
  ledgerEntry: {
    collectionId: 'subledger:0',
    contents: 'Hello world',
    protocol: 'LedgerEntryV1',
    secretKey: 'Jde/VvaIfyrjQ/B19P+UJCBwmcrgN7sERStoyHnYO0M=',
  },
} as const;

export const digestClaim = {
  kind: 'ClaimDigest',
  digest: {
    protocol: 'LedgerEntryV1',
    value: 'feb516ef1f903c64f1e388d9ee9fde11f64d1e2bc170248828c9eab9894f9ab9',
  },
} as const;
