/** A release that can't be used. Whoever serves another one keeps serving it. */
export class ReleaseError extends Error {
  override readonly name: string = 'ReleaseError';
  readonly release: string;

  constructor(release: string, problem: string, options?: ErrorOptions) {
    super(`release ${release} can't be used: ${problem}`, options);
    this.release = release;
  }
}

/** A part of it is not in the store: it was never published whole, or something was deleted. */
export class ReleaseIncompleteError extends ReleaseError {
  override readonly name = 'ReleaseIncompleteError';

  constructor(release: string, key: string, options?: ErrorOptions) {
    super(release, `${key} is missing in the model store; train again, or restore it from a backup`, options);
  }
}

/** Not what the holder of the key signed. */
export class ReleaseSignatureError extends ReleaseError {
  override readonly name = 'ReleaseSignatureError';

  constructor(release: string) {
    super(
      release,
      'its signature does not fit: the manifest was changed, or it was signed with a key that is not among the public keys here; restore ' +
        'the file of public keys from a backup, or train a release (POST /pipelines/train of kenning)',
    );
  }
}

/** Signed, but not a manifest that this version understands. */
export class ReleaseManifestError extends ReleaseError {
  override readonly name = 'ReleaseManifestError';

  constructor(release: string, reason: string, options?: ErrorOptions) {
    super(release, `its manifest is not of the form that this version reads (${reason})`, options);
  }
}

/** Signed as another release: somebody copied it to this place. */
export class ReleaseMismatchError extends ReleaseError {
  override readonly name = 'ReleaseMismatchError';

  constructor(release: string, found: string) {
    super(release, `in its place lies release ${found}`);
  }
}

/** A file of the release is not the file that was signed. */
export class ReleaseFileError extends ReleaseError {
  override readonly name = 'ReleaseFileError';

  constructor(release: string, key: string, expected: string, found: string) {
    super(
      release,
      `${key} was changed: signed was ${expected}, found ${found}; restore it from a backup or train again`,
    );
  }
}

/** A pointer or the history does not hold what it should. */
export class ReleaseRecordError extends Error {
  override readonly name = 'ReleaseRecordError';
}
