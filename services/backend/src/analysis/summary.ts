import type { Language } from '@liminal/shared/contracts/explanation';
import type { Consensus } from './consensus.ts';
import type { Category, Verdict, VerdictSeverity } from './verdict.ts';

interface Phrases {
  categories: Record<Category, string>;
  severities: Record<VerdictSeverity, string>;
  by(answeredBy: string): string;
  agreed(holders: number, votes: number): string;
  dissent(analysts: string): string;
  contested(positions: string): string;
  because(references: string): string;
}

const PHRASES: Record<Language, Phrases> = {
  en: {
    categories: {
      'credential-stuffing': 'Credential stuffing',
      scraping: 'Scraping',
      'stolen-token': 'Stolen token',
      'shared-account': 'Shared account',
      'channel-spam': 'Channel spam',
      'slow-bot': 'Slow bot',
      'busy-user': 'Busy user, harmless',
      'changed-network': 'Changed network, harmless',
      'unusual-rhythm': 'Unusual rhythm, harmless',
      'load-surge': 'Surge of load',
      'load-drop': 'Drop of load',
      degradation: 'Degradation of the platform',
      unknown: 'No known pattern',
    },
    severities: { none: 'nothing to act on', low: 'low', medium: 'medium', high: 'high', critical: 'critical' },
    by: (answeredBy) => `, says ${answeredBy}`,
    agreed: (holders, votes) => `, ${holders} of ${votes} analysts agree`,
    dissent: (analysts) => ` (otherwise: ${analysts})`,
    contested: (positions) => `Analysts disagree: ${positions}`,
    because: (references) => `; evidence: ${references}`,
  },
  ru: {
    categories: {
      'credential-stuffing': 'Подбор паролей',
      scraping: 'Выкачивание данных',
      'stolen-token': 'Украденный токен',
      'shared-account': 'Общая учётная запись',
      'channel-spam': 'Спам в каналах',
      'slow-bot': 'Медленный бот',
      'busy-user': 'Активный пользователь, безвредно',
      'changed-network': 'Смена сети, безвредно',
      'unusual-rhythm': 'Необычный ритм, безвредно',
      'load-surge': 'Всплеск нагрузки',
      'load-drop': 'Падение нагрузки',
      degradation: 'Сбои платформы',
      unknown: 'Известной картины нет',
    },
    severities: {
      none: 'действий не требуется',
      low: 'низкая важность',
      medium: 'средняя важность',
      high: 'высокая важность',
      critical: 'критическая важность',
    },
    by: (answeredBy) => `, по оценке ${answeredBy}`,
    agreed: (holders, votes) => `, согласны ${holders} из ${votes}`,
    dissent: (analysts) => ` (иначе: ${analysts})`,
    contested: (positions) => `Мнения расходятся: ${positions}`,
    because: (references) => `; основания: ${references}`,
  },
};

const MOST_REFERENCES = 3;

/** One line on what the analysts came to, by rule from what is structured: free text of a provider is not in it. */
export function summariseAnalysis(
  consensus: Consensus,
  verdicts: readonly { analyst: string; verdict: Verdict }[],
  language: Language,
): string {
  const phrases = PHRASES[language];
  const { category, severity, positions, votes, dissent } = consensus;
  const nameOf = (of: Category): string => phrases.categories[of];
  if (category === null || severity === null) {
    const held = positions.map(({ category: of, analysts }) => `${nameOf(of)} – ${analysts.join(', ')}`);
    return `${phrases.contested(held.join('; '))}.`;
  }
  const holders = positions[0]!.analysts;
  const who = votes === 1 ? phrases.by(holders[0]!) : phrases.agreed(holders.length, votes);
  const against = dissent.length === 0 ? '' : phrases.dissent(dissent.join(', '));
  const references = verdicts
    .filter(({ analyst }) => holders.includes(analyst))
    .flatMap(({ verdict }) => verdict.evidence.map(({ reference }) => reference));
  const named = [...new Set(references)]
    .filter((reference) => !reference.startsWith('event-'))
    .slice(0, MOST_REFERENCES);
  const because = named.length === 0 ? '' : phrases.because(named.join(', '));
  return `${nameOf(category)} (${phrases.severities[severity]})${who}${against}${because}.`;
}
