import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isNat64Address, isPublicAddress } from '../../../src/egress/addresses.js';

const REFUSED = `
  0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.0 127.0.0.1
  127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0
  192.0.0.9 192.0.0.192 192.0.0.255 192.0.2.0 192.0.2.255 192.31.196.0 192.52.193.255 192.88.99.0 192.88.99.255
  192.168.0.0 192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0
  203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255
  :: ::1 ::7f00:1 ::a9fe:a9fe ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:7f00:1 64:ff9b::8.8.8.8 64:ff9b::7f00:1
  64:ff9b:1::1 64:ff9b:2::1 100::1 100:0:0:1::1 1::1 1fff:ffff::1 2001::1 2001:0:7f00:1:: 2001:1::1 2001:2::1 2001:4:112::1
  2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1 2001:db8:ffff::1 2002:: 2002:7f00:1::1 2002:ffff::1 2620:4f:8000::1
  3ffe::1 3fff::1 3fff:fff::1 4000::1 5f00::1 8000::1 e000::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%lo febf::1
  fec0::1 feff::1 ff00::1 ff02::1 ff0e::1 2606:4700::1111%eth0
  localhost 127.1 0x7f.0.0.1 2130706433 [::1] 8.8.8 8.8.8.8.8 08.8.8.8 1.1.1.1/32 example.com`
  .split(/\s+/)
  .filter((address) => address !== '');

const PUBLIC = `
  1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15
  168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.31.195.255
  192.31.197.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255
  198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
  2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2606:4700:4700::1111 2620:4f:7fff::1 2a00:1450::1
  3fff:1000::1 2000::1`
  .split(/\s+/)
  .filter((address) => address !== '');

describe('isPublicAddress', () => {
  it.each(['', ...REFUSED])('refuses %p', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(PUBLIC)('takes %p', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it('refuses every IPv6 spelling that carries an IPv4 address, public or not', () => {
    const prefix = fc.constantFrom('::', '::ffff:', '::ffff:0:', '64:ff9b::', '64:ff9b:1::');

    fc.assert(
      fc.property(prefix, fc.ipV4(), (start, address) => {
        expect(isPublicAddress(`${start}${address}`)).toBe(false);
      }),
    );
  });

  it('answers for any text whatever, without throwing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4Extended(), fc.ipV6()), (text) => {
        expect(typeof isPublicAddress(text)).toBe('boolean');
      }),
    );
  });
});

describe('isNat64Address', () => {
  it.each(['64:ff9b::1.2.3.4', '64:FF9B::7f00:1'])('knows %p', (address) => {
    expect(isNat64Address(address)).toBe(true);
  });

  it.each(['64:ff9b:1::1', '64:ff9b::1:0:0', '1.2.3.4', '::ffff:1.2.3.4', '64:ff9b::1%lo', 'x'])(
    'is not misled by %p',
    (address) => {
      expect(isNat64Address(address)).toBe(false);
    },
  );
});
