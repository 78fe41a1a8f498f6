/** Inputs by class, for files and webhooks alike: every spelling that a parser or a resolver could turn into an inner address. */

function words(text: string): readonly string[] {
  return text.split(/[ \n]+/).filter((word) => word !== '');
}

/** Hosts that may not be fetched on any port. Each is tried with both schemes and with and without a port. */
export const FORBIDDEN_HOSTS: readonly string[] = [
  // Loopback and "any", in the spellings of inet_aton
  ...words(`
    127.0.0.1 127.0.0.2 127.0.0.1. 127.1 127.0.1 127.255.255.254 2130706433 2130706433. 0x7f000001 0x7F.0.0.1 0x7f.1
    0x7f.0x0.0x0.0x1 017700000001 0177.0.0.1 0177.1 0000177.0.0.1 00000000177.00000000.0000000.1 0x000000007f.1
    0177.0x0.0.1 127.0x1 0 0. 0.0.0.0 0x0 00 0.0`),
  // Loopback in IPv6, mapped, compatible, translated, NAT64, 6to4 and Teredo
  ...words(`
    [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::] [0::] [::0001] [::ffff:127.0.0.1]
    [::FFFF:7f00:1] [0:0:0:0:0:ffff:127.0.0.1] [::127.0.0.1] [::7f00:1] [::ffff:0:127.0.0.1] [::ffff:0:7f00:1]
    [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:7f00:0001::1] [2001:0:7f00:1::]
    [2001::1] [64:ff9b:2::1] [::ffff:8.8.8.8]`),
  // The rest of IPv6 that is not public
  ...words(`
    [fe80::1] [fe80::1%25lo] [fe80::1%lo] [febf::1] [fec0::1] [fc00::1] [fd00::1] [fdff:ffff::1] [ff02::1] [ff0e::1]
    [2001:db8::1] [2001:2::1] [2001:10::1] [2001:20::1] [3fff::1] [5f00::1] [100::1] [100:0:0:1::1] [4000::1] [1::1]
    [8000::1] [e000::1] [2620:4f:8000::1] [3ffe::1]`),
  // Cloud metadata: AWS, GCP, Azure, Alibaba, Oracle and their names
  ...words(`
    169.254.169.254 169.254.169.254. 2852039166 0xa9fea9fe 0xA9.0xFE.0xA9.0xFE 0251.0376.0251.0376 169.254.43518
    169.16689662 [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [::a9fe:a9fe] [fd00:ec2::254] [64:ff9b::169.254.169.254]
    [2002:a9fe:a9fe::] [fd20:ce::254] 169.254.170.2 169.254.170.23 metadata.google.internal metadata.google.internal.
    METADATA.google.INTERNAL metadata instance-data 168.63.129.16 0xa83f8110 2822734096 [::ffff:168.63.129.16]
    100.100.100.200 1684301000 192.0.0.192`),
  // Private, shared, benchmarking, documentation, reserved, broadcast
  ...words(`
    10.0.0.1 10.1 10.255.255.255 0xa.0.0.1 012.1.2.3 167772161 172.16.0.1 172.31.255.255 172.1048577 192.168.0.1
    192.168.1 192.168.255.255 0xc0a80001 3232235521 0300.0250.0.1 100.64.0.1 100.127.255.255 198.18.0.1 198.19.255.255
    192.0.2.1 198.51.100.1 203.0.113.1 192.88.99.1 192.0.0.1 192.31.196.1 224.0.0.1 239.255.255.250 240.0.0.1
    255.255.255.255 4294967295 0xffffffff [::ffff:10.0.0.1] 0.1.2.3`),
  // Encoded, full-width, enclosed and ideographic spellings, soft hyphens and zero-width characters
  ...words(`
    %31%32%37.0.0.1 127%2e0%2e0%2e1 %31%30.0.0.1 １２７.０.０.１ 127。0。0。1 127．0．0．1 127｡0｡0｡1 ①②⑦.⓪.⓪.①
    ⑯⑨.②⑤④.⑯⑨.②⑤④ ①②⑦｡0｡0｡1 127.0.0\u00ad.1 127\u200b.0.0.1 \u2060127.0.0.1 𝟏𝟐𝟕.𝟎.𝟎.𝟏 ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ｌｏｃａｌｈｏｓｔ
    local\u00adhost \u00c2\u00ad7.6 \u00c2%a67 2\u00c2%a3 localhos%74 %6cocalhost loc\u200balhost ０ｘ７ｆ.1 ⅼocalhost`),
  // Local names and suffixes
  ...words(`
    localhost LOCALHOST LocalHost. localhost.localdomain foo.localhost ip6-localhost db mongodb com. printer.local
    nas.lan router.home router.home.arpa wiki.corp wiki.intranet vault.internal x.private kubernetes.default.svc
    kubernetes.default.svc.cluster.local host.docker.internal 1.0.0.127.in-addr.arpa x.onion`),
  // Names that cannot be names
  ...words(`
    example.com.. a..example.com .example.com .. . 256.0.0.1 127.0.0.1.1 0x7f.0x0.0x0.0x1.0x0 1.2.3.08 [127.0.0.1]
    [example.com] [::1 ::1 [::1]x [] ${'a'.repeat(64)}.com ${'a.'.repeat(130)}com`),
];

/** Whole inputs; every one is refused as it stands. */
export const FORBIDDEN_URLS: readonly unknown[] = [
  // Userinfo, parser confusion, missing or superfluous slashes
  ...words(`
    http://user@example.com/ http://user:pw@example.com/ http://@example.com/ http://:@example.com/
    http://example.com@127.0.0.1/ http://127.0.0.1@example.com/ http://example.com:80@127.0.0.1/ http://a@b@127.0.0.1/
    http://example.com%2f@127.0.0.1/ http://127.0.0.1#@example.com/ http://127.0.0.1?@example.com/
    http://127.0.0.1\\@example.com/ http://example.com\\@127.0.0.1/ http:\\\\127.0.0.1\\ http:/\\127.0.0.1/
    http:127.0.0.1 http:/127.0.0.1/ http:///127.0.0.1/ http:////127.0.0.1/ http:example.com http:/example.com/
    http:///example.com/ //example.com/ ///127.0.0.1/ example.com /etc/passwd 127.0.0.1 http//example.com http://
    http://? http://# http: http://:80/ https://:443/ http://%00/ http://%/ http://exa%23mple.com/
    http://example.com/a\\b`),
  // Ports
  ...words(`
    http://example.com:22/ http://example.com:25/ http://example.com:0/ http://example.com:8080/
    http://example.com:6379/ http://example.com:27017/ https://example.com:8443/ http://example.com:65536/
    http://example.com:80:80/ http://example.com:-1/ http://example.com:8o/ http://example.com:00022/
    http://8.8.8.8:53/ http://[2606:4700::1111]:7233/`),
  // Schemes
  ...words(`
    ftp://example.com/ file:///etc/passwd file://example.com/etc/passwd gopher://example.com:80/_ data:text/plain,x
    javascript:alert(1) blob:http://example.com/x ws://example.com/ wss://example.com/ unix:/var/run/docker.sock
    httpx://example.com/ shttp://example.com/ dict://example.com:80/ ldap://example.com/ jar:http://example.com!/
    s3://b/k view-source:http://example.com/ http+unix://example.com/ about:blank netdoc:///etc/passwd urn:x:y`),
  // Control characters, NUL, half of a surrogate pair, spaces within the host, invisible characters in front
  '\thttp://example.com/',
  'http://example.com/\n',
  'http://exam\nple.com/',
  'http://exam\tple.com/',
  'ht\ntp://example.com/',
  'http://127.0.0.1\u0000.example.com/',
  'http://exa mple.com/',
  'http:// example.com/',
  'http ://example.com/',
  'http://example.com /',
  'http://example.com\r\nHost: 127.0.0.1/',
  'http://example.com/\r\nx: y',
  ...[0x00, 0x1f, 0x7f, 0x85, 0x9f, 0xd800, 0xdc00].map((code) => `http://example.com/${String.fromCharCode(code)}`),
  '\ufeffhttp://example.com/',
  '\u3000http://example.com/',
  '\u00a0http://example.com/',
  '\u200bhttp://example.com/',
  'ht\u00adtp://example.com/',
  ...[0xa0, 0x2028, 0x3000].map((code) => `http://exa${String.fromCharCode(code)}mple.com/`),
  `http://${'漢'.repeat(342)}.example/`,
  // Not a string, or too long a one
  ...[undefined, null, 0, 1, true, {}, [], ['http://example.com/'], { href: 'http://example.com/' }, Symbol('x')],
  '',
  new URL('http://example.com/'),
  `http://example.com/${'a'.repeat(8192)}`,
  `http://example.com/${'é'.repeat(4096)}`,
];

/** Look like an attack, or like one of its neighbours, and are public. */
export const PUBLIC_LOOK_ALIKES: readonly string[] = [
  ...words(`
    http://example.com https://example.com/ HTTP://EXAMPLE.COM/A http://example.com./ https://cdn.example.com:443/a?b=c#d
    http://example.com:80/ http://example.com:443/ https://example.com:80/ http://localhost.example.com/
    http://local.com/ http://internal.example.com/ http://localhost.com/ http://home.dev/ http://arpa.net/
    http://metadata.example.com/ http://127.0.0.1.example.com/ http://127-0-0-1.example.com/ http://0x7f.example.com/
    http://10.example.com/ http://bücher.example/ http://xn--bcher-kva.example/ http://a_b.example.com/
    http://exa%6dple.com/ http://${'a'.repeat(63)}.com/`),
  ...words(`
    http://1.1.1.1/ http://8.8.8.8/ http://9.255.255.255/ http://11.0.0.1/ http://126.255.255.255/ http://128.0.0.1/
    http://100.63.255.255/ http://100.128.0.1/ http://169.253.255.255/ http://169.255.0.1/ http://172.15.255.255/
    http://172.32.0.1/ http://192.167.255.255/ http://192.169.0.1/ http://198.17.255.255/ http://198.20.0.1/
    http://192.0.1.1/ http://203.0.112.1/ http://223.255.255.255/ http://168.63.129.17/ http://134744072/
    http://[2606:4700::1111]/ http://[2001:4860:4860::8888]/ http://[2001:200::1]/ https://[2a00:1450::1]:443/
    http://[3fff:1000::1]/ http://[2003::1]/`),
  ...words(`
    http://example.com/@127.0.0.1 http://example.com/?u=http://127.0.0.1/ http://example.com/#@127.0.0.1
    http://example.com// http://example.com/a%20b%00%5c http://example.com/%2e%2e/%2e%2e/ http://example.com/ä?ö=ü
    http://example.com/${'a'.repeat(8000)} http://example.com?x http://example.com#x`),
  // Blanks and invisible characters where browsers encode or drop them
  ' http://example.com/',
  'http://example.com/ ',
  'http://example.com ',
  'http://example.com/a b?c d#e f',
  ...[0xa0, 0xad, 0x200b, 0x2028, 0x3000, 0xfeff].map((code) => `http://example.com/${String.fromCharCode(code)}`),
  ...[0xad, 0x200b, 0xfeff].map((code) => `http://exam${String.fromCharCode(code)}ple.com/`),
];

/** Every attack as a URL or other input; `port` is one that passes the port rule, so that the host alone has to be refused. */
export function attackInputs(port: number): readonly unknown[] {
  const urls = FORBIDDEN_HOSTS.flatMap((host) => [`http://${host}/`, `https://${host}/`, `http://${host}:${port}/`]);
  return [...urls, ...FORBIDDEN_URLS];
}
